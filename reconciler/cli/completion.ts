/** Completion for shells, made from the commands themselves. Pure. */
import type { Command } from "commander";

export const shells = ["bash", "zsh", "fish"] as const;
export type Shell = (typeof shells)[number];

/** Verbs, their own verbs, and options: one line for each place that a word can be at. */
function listWords(program: Command): [path: string, words: string[]][] {
  const words = (command: Command) => [
    ...command.commands.flatMap((one) => [one.name(), ...one.aliases()]),
    ...command.options.flatMap(({ long }) => (typeof long === "string" ? [long] : [])),
    "--help",
  ];
  const below = program.commands.flatMap((command): [string, string[]][] => [
    ...[command.name(), ...command.aliases()].map((name): [string, string[]] => [name, words(command)]),
    ...command.commands.map((one): [string, string[]] => [`${command.name()} ${one.name()}`, words(one)]),
  ]);
  return [["", words(program)], ...below];
}

export function renderCompletion(program: Command, shell: Shell): string {
  const all = listWords(program);
  if (shell === "fish") return renderFish(all);
  const cases = all.map(([path, words]) => `    "${path}") words="${words.join(" ")}" ;;`).join("\n");
  const bash = `_fleet() {
  local path="" words="" word
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    [[ "$word" == -* ]] || path="$path\${path:+ }$word"
  done
  while :; do
    case "$path" in
${cases}
    esac
    [[ -n "$words" || -z "$path" ]] && break
    [[ "$path" == *" "* ]] && path="\${path% *}" || path=""
  done
  COMPREPLY=($(compgen -W "$words" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -F _fleet fleet`;
  return shell === "zsh" ? `autoload -U +X bashcompinit && bashcompinit\n${bash}` : bash;
}

function renderFish(all: readonly [string, string[]][]): string {
  const lines = all.map(([path, words]) => {
    const seen =
      path === "" ? "__fish_use_subcommand" : `__fish_seen_subcommand_from ${path.split(" ").at(-1)}`;
    return `complete -c fleet -f -n "${seen}" -a "${words.join(" ")}"`;
  });
  return lines.join("\n");
}
