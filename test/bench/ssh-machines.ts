/** Every machine of a bench in a process of its own: whatever address is dialled, whoever comes, whatever is asked, all is well. */
import ssh2 from "ssh2";
import { vitalsOf } from "../support/vitals.ts";

const [hostKey = ""] = process.argv.slice(2);
const answer = JSON.stringify(vitalsOf());
const server = new ssh2.Server({ hostKeys: [hostKey] }, (connection) => {
  connection.on("error", () => undefined);
  connection.on("authentication", (context) => context.accept());
  connection.on("session", (accept) =>
    accept().on("exec", (acceptCommand) => {
      const channel = acceptCommand();
      channel.write(answer);
      channel.exit(0);
      channel.end();
    }),
  );
});
server.listen(0, "0.0.0.0", () => {
  const address = server.address();
  if (typeof address === "object") process.send?.(address?.port);
});
process.on("disconnect", () => process.exit());
