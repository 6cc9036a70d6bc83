/** Configuration of a machine that runs: taken up without a restart of it, refused when it is wrong. */
import { strict as assert } from "node:assert";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { remoteScripts } from "../../../cloud-init/files.ts";
import { nodeCommand } from "../../../cloud-init/remote-command.ts";
import type { Lab } from "../lab.ts";
import { bootId, chatAnswered, fleet, gatewayPid, inside, type Customer } from "./visitor.ts";
import { eventually } from "../../support/poll.ts";
import { chat } from "./visitor.ts";

const otherModel = "anthropic/claude-haiku-4-5";

export async function changeConfiguration(lab: Lab, customer: Customer): Promise<void> {
  await lab.stages.run("configuration change: another model, nothing restarts", async (say) => {
    const before = [await bootId(lab, customer), await gatewayPid(lab, customer)];
    const plans = join(lab.stacksDir, "plans.yaml");
    const text = await readFile(plans, "utf8");
    await writeFile(plans, text.replaceAll(/^( {2})name: (.+)$/gm, `$1name: $2\n$1model: ${otherModel}`));
    say(await fleet(lab, ["apply", customer.slug]));
    const answer = await eventually(
      "the other model answers",
      async () => {
        const said = await chat(lab, customer, "Which model?");
        return said?.includes("claude-haiku-4-5") ? said : undefined;
      },
      300_000,
    );
    say(`assistant: ${answer}`);
    assert.deepEqual([await bootId(lab, customer), await gatewayPid(lab, customer)], before);
    say("the same boot, the same gateway process");
  });
}

/** Straight to the script, since the reconciler's own types let nothing wrong through. */
export async function refuseConfiguration(lab: Lab, customer: Customer): Promise<void> {
  await lab.stages.run("wrong configuration: refused, the old one serves", async (say) => {
    const before = await inside(lab, customer, "cd /etc && sha256sum openclaw/openclaw.json caddy/Caddyfile");
    const pid = await gatewayPid(lab, customer);
    const document = await readConfiguration(lab, customer);
    const wrong = [
      [
        "gateway",
        {
          ...document,
          config: {
            ...document.config,
            content: document.config.content.replace('"gateway"', '"bogus": 1, "gateway"'),
          },
        },
      ],
      [
        "proxy",
        {
          ...document,
          site: {
            ...document.site,
            content: `${document.site.content}\nhttps://x {\n\tno_such_directive\n}\n`,
          },
        },
      ],
    ] as const;
    for (const [part, wanted] of wrong) {
      const input = Buffer.from(JSON.stringify(wanted)).toString("base64");
      const { code, stderr } = await lab.machines.run(
        customer.machine,
        `echo ${input} | base64 --decode | (${nodeCommand(remoteScripts.configure).replace(/^exec /, "")})`,
      );
      assert.equal(code, 1, `a wrong ${part} configuration is refused`);
      say(`${part}: ${stderr.trim().split("\n").at(-1)?.slice(0, 140)}`);
    }
    assert.equal(
      await inside(lab, customer, "cd /etc && sha256sum openclaw/openclaw.json caddy/Caddyfile"),
      before,
    );
    assert.equal(await gatewayPid(lab, customer), pid);
    say(`assistant: ${await chatAnswered(lab, customer, "Still there?")}`);
  });
}

type File = { path: string; content: string; mode: string; group?: string; owner?: string };
type Document = {
  phase: string;
  privateIp: string;
  openclawVersion: string;
  revision: string;
  workspace: { script: string; folder: string; files: Record<string, string> };
} & Record<"config" | "environment" | "secrets" | "limits" | "originPullCa" | "site" | "ports", File>;

/** What the machine was configured with last, as its files have it. */
async function readConfiguration(lab: Lab, customer: Customer): Promise<Document> {
  const read = async (path: string, mode: string, group?: string): Promise<File> => {
    const content = Buffer.from(await inside(lab, customer, `base64 -w0 ${path}`), "base64").toString();
    return { path, content, mode, ...(group === undefined ? {} : { group }) };
  };
  return {
    phase: "running",
    privateIp:
      (await inside(lab, customer, "ip -4 -o address show enp7s0")).split(/\s+/)[3]?.split("/")[0] ?? "",
    openclawVersion: (await inside(lab, customer, "readlink /opt/openclaw/current")).split("/").at(-1) ?? "",
    revision: "wrong",
    config: await read("/etc/openclaw/openclaw.json", "0640", "openclaw"),
    environment: await read("/etc/openclaw/gateway.env", "0600"),
    secrets: { ...(await read("/etc/openclaw/secrets.json", "0600", "openclaw")), owner: "openclaw" },
    workspace: {
      script: remoteScripts.seedWorkspace,
      folder: "/var/lib/openclaw/.openclaw/workspace",
      files: {},
    },
    limits: await read("/etc/systemd/system/openclaw.service.d/limits.conf", "0644"),
    originPullCa: await read(await inside(lab, customer, "ls /etc/caddy/origin-pull-ca-*.pem"), "0644"),
    site: await read("/etc/caddy/Caddyfile", "0644"),
    ports: await read("/etc/clawfleet/ports.nft", "0644"),
  };
}
