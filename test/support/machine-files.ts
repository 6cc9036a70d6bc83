/** The files that user data put on a machine, by path, as cloud-init would write them. */
import { parse } from "yaml";
import { renderUserData, type UserDataInput } from "../../cloud-init/user-data.ts";

export const testUserDataInput: UserDataInput = {
  hostKeyPrivate: "-----BEGIN OPENSSH PRIVATE KEY-----\n-----END OPENSSH PRIVATE KEY-----\n",
  hostKeyPublic: "ssh-ed25519 AAAA root@machine",
  openclawVersion: "2026.9.6",
  sshPort: 22,
};

export function machineFiles(change: Partial<UserDataInput> = {}): Map<string, string> {
  const document = parse(renderUserData({ ...testUserDataInput, ...change })) as {
    write_files: { path: string; content: string }[];
  };
  return new Map(document.write_files.map(({ path, content }) => [path, content]));
}
