/** Completion for shells, made from the commands themselves. Pure. */
import type { Command } from "commander";

export const shells = ["bash", "zsh", "fish"] as const;
export type Shell = (typeof shells)[number];

type Words = [path: string, words: string[]][];

/** Verbs, their own verbs, and options: one line for each place that a word can be at. */
function listWords(program: Command): Words {
  const words = (command: Command) => [
    ...command.commands.flatMap((one) => [one.name(), ...one.aliases()]),
    ...command.registeredArguments.flatMap(({ argChoices }) => argChoices ?? []),
    ...command.options.flatMap(({ long }) => (typeof long === "string" ? [long] : [])),
    "--help",
  ];
  return listPlaces(program).map(([path, command]) => [path, words(command)]);
}

/** What may follow an option, where that is one of a few: `list --status` and the like. */
function listValues(program: Command): Words {
  return listPlaces(program).flatMap(([path, command]) =>
    command.options.flatMap(({ long, argChoices }): Words => {
      if (typeof long !== "string" || argChoices === undefined) return [];
      return [[`${path} ${long}`.trim(), argChoices]];
    }),
  );
}

function listPlaces(program: Command): [path: string, command: Command][] {
  const below = program.commands.flatMap((command): [string, Command][] => [
    ...[command.name(), ...command.aliases()].map((name): [string, Command] => [name, command]),
    ...command.commands.map((one): [string, Command] => [`${command.name()} ${one.name()}`, one]),
  ]);
  return [["", program], ...below];
}

export function renderCompletion(program: Command, shell: Shell): string {
  const [all, values] = [listWords(program), listValues(program)];
  if (shell === "fish") return renderFish(all, values);
  const toCases = (words: Words) =>
    words.map(([path, some]) => `    "${path}") words="${some.join(" ")}" ;;`).join("\n");
  const bash = `_fleet() {
  local path="" words="" word
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    [[ "$word" == -* ]] || path="$path\${path:+ }$word"
  done
  local place="$path"
  while [[ -n "$place" && -z "$words" ]]; do
    case "$place \${COMP_WORDS[COMP_CWORD-1]}" in
${toCases(values)}
    esac
    [[ "$place" == *" "* ]] && place="\${place% *}" || place=""
  done
  while [[ -z "$words" ]]; do
    case "$path" in
${toCases(all)}
    esac
    [[ -n "$words" || -z "$path" ]] && break
    [[ "$path" == *" "* ]] && path="\${path% *}" || path=""
  done
  COMPREPLY=($(compgen -W "$words" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -F _fleet fleet`;
  return shell === "zsh" ? `autoload -U +X bashcompinit && bashcompinit\n${bash}` : bash;
}

function renderFish(all: Words, values: Words): string {
  const seen = (verb: string | undefined) => `__fish_seen_subcommand_from ${verb}`;
  const words = all.map(([path, some]) => {
    const where = path === "" ? "__fish_use_subcommand" : seen(path.split(" ").at(-1));
    return `complete -c fleet -f -n "${where}" -a "${some.join(" ")}"`;
  });
  const chosen = values.map(([place, some]) => {
    const [option, verb] = place.split(" ").toReversed();
    return `complete -c fleet -f -n "${seen(verb)}" -l ${option?.slice(2)} -x -a "${some.join(" ")}"`;
  });
  return [...words, ...chosen].join("\n");
}
