# Runs a PostgreSQL server for as long as its parent lives, then removes the scratch directory.
# usage: sh -c "$(this file)" keep-postgres <INT|QUIT> <scratch directory> <postgres> <arguments...>
# Standard input is a pipe that the parent holds open: its end, by stop or by death, ends the server.
# A server that ends by itself leaves the scratch directory to the parent, which may want another try.
signal=$1
scratch=$2
shift 2
exec 3<&0 </dev/null

ending=
trap 'ending=yes; kill -"$signal" "$server" 2>/dev/null' USR1

"$@" 3<&- &
server=$!
(
  read -r _ <&3
  kill -USR1 $$
) &
watcher=$!

wait "$server"
code=$?
if [ -n "$ending" ]; then
  wait "$server"
  rm -rf "$scratch"
fi
kill "$watcher" 2>/dev/null
exit "$code"
