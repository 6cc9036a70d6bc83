/** User data as cloud-init reads it: the modules that Clawfleet's documents use. Pure. */
import { parse } from "yaml";
import { z } from "zod";
import { quoteForShell } from "../../../cloud-init/remote-command.ts";

const cloudConfigSchema = z.object({
  ssh_deletekeys: z.boolean().optional(),
  ssh_keys: z.record(z.string(), z.string()).optional(),
  disable_root: z.boolean().optional(),
  ssh_pwauth: z.boolean().optional(),
  write_files: z
    .array(
      z.object({
        path: z.string().startsWith("/"),
        content: z.string().default(""),
        permissions: z
          .string()
          .regex(/^0?[0-7]{3}$/)
          .default("0644"),
        owner: z.string().default("root:root"),
        encoding: z.enum(["b64", "base64", "text/plain"]).default("text/plain"),
        append: z.boolean().default(false),
      }),
    )
    .default([]),
  bootcmd: z.array(z.union([z.string(), z.array(z.coerce.string())])).default([]),
  runcmd: z.array(z.union([z.string(), z.array(z.coerce.string())])).default([]),
});

/** What the first boot does, as the inside reads it from its seed. */
export type FirstBoot = {
  sshKeys: Record<string, string>;
  files: { path: string; content: string; mode: string; owner: string; append: boolean }[];
  bootCommands: string[];
  commands: string[];
  /** What cloud-init could not understand; it boots all the same. */
  problem?: string;
};

export function parseUserData(text: string): FirstBoot {
  const nothing: FirstBoot = { sshKeys: {}, files: [], bootCommands: [], commands: [] };
  if (text.trim() === "") return nothing;
  if (text.startsWith("#!")) return { ...nothing, commands: [`/bin/sh -c ${quoteForShell(text)}`] };
  if (!text.startsWith("#cloud-config")) return { ...nothing, problem: "user data is not #cloud-config" };
  let document: unknown;
  try {
    document = parse(text);
  } catch (error) {
    return { ...nothing, problem: `user data is no YAML: ${error instanceof Error ? error.message : ""}` };
  }
  const config = cloudConfigSchema.safeParse(document ?? {});
  if (!config.success) return { ...nothing, problem: z.prettifyError(config.error) };
  return {
    sshKeys: config.data.ssh_keys ?? {},
    files: config.data.write_files.map((file) => ({
      path: file.path,
      content: file.encoding === "text/plain" ? file.content : Buffer.from(file.content, "base64").toString(),
      mode: file.permissions,
      owner: file.owner,
      append: file.append,
    })),
    bootCommands: config.data.bootcmd.map(toShellLine),
    commands: config.data.runcmd.map(toShellLine),
  };
}

/** Text goes to the shell as it stands, a list as its words. */
function toShellLine(command: string | string[]): string {
  return typeof command === "string" ? command : command.map(quoteForShell).join(" ");
}
