/** What only a terminal gets: colour, a line that says what is being waited for, and questions. */
import { createInterface } from "node:readline/promises";
import { styleText } from "node:util";

/** `grave`: somebody has to look; `busy`: on its way; `quiet`: less than the rest. */
export type Tone = "good" | "busy" | "grave" | "quiet";

const formats = { good: "green", busy: "yellow", grave: "red", quiet: "gray" } as const;

export type Terminal = {
  /** As it is where stdout is no terminal, or NO_COLOR is set. */
  paint: (text: string, tone: Tone) => string;
  /** One line on stderr, in place of the one before; null takes it away. Nothing where stderr is no terminal. */
  progress(line: string | null): void;
  /** undefined when there is no terminal to ask on. */
  ask(question: string): Promise<string | undefined>;
};

export function createTerminal(streams: {
  stdin: NodeJS.ReadStream;
  stdout: NodeJS.WriteStream;
  stderr: NodeJS.WriteStream;
}): Terminal {
  const { stdin, stdout, stderr } = streams;
  let shown = false;
  const clear = () => {
    if (shown) stderr.write("\r\u001B[K");
    shown = false;
  };
  return {
    paint: (text, tone) => styleText(formats[tone], text, { stream: stdout }),
    progress(line) {
      if (!stderr.isTTY) return;
      clear();
      if (line === null) return;
      stderr.write(line.slice(0, Math.max(0, stderr.columns - 1)));
      shown = true;
    },
    async ask(question) {
      if (!stdin.isTTY) return undefined;
      clear();
      const reader = createInterface({ input: stdin, output: stderr });
      try {
        return (await reader.question(question)).trim();
      } finally {
        reader.close();
      }
    },
  };
}
