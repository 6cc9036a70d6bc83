/** What a machine is after its first boot, measured inside. */
import { strict as assert } from "node:assert";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { runCommand } from "../../../infra/engine/tools.ts";
import type { Lab } from "../lab.ts";
import { inside, type Customer } from "./visitor.ts";

/** The unit's score, 0 (shut) to 10 (open). */
const highestExposure = 1.5;

export async function measureMachine(lab: Lab, customer: Customer): Promise<void> {
  await lab.stages.run("the machine, measured inside", async (say) => {
    const look = (script: string) => inside(lab, customer, script);
    assert.match(await look("cloud-init status"), /status: done/);
    assert.equal(await look("systemctl --failed --no-legend --plain"), "", "no unit has failed");
    const userData = "/var/lib/cloud/instance/user-data.txt";
    say(await look(`cloud-init schema --config-file ${userData} 2>&1 | tail -n 1`));
    say(`user data: ${await look(`stat -c %s ${userData}`)} bytes`);
    const exposure = await look("systemd-analyze security --no-pager openclaw.service | tail -n 1");
    const [, score] = /: (\d+\.\d+)/.exec(exposure) ?? [];
    assert(score !== undefined && Number(score) <= highestExposure, exposure);
    say(exposure.replace(/^\W+/, ""));
    say((await look("systemd-analyze security --no-pager caddy.service | tail -n 1")).replace(/^\W+/, ""));
    await checkScripts();
    const units = "openclaw.service openclaw-watchdog.service openclaw-watchdog.timer caddy.service";
    assert.equal(await look(`systemd-analyze verify ${units} 2>&1`), "", "systemd-analyze verify");
    await look("runuser -u caddy -- caddy validate --config /etc/caddy/Caddyfile 2>&1");
    say("systemd-analyze verify, caddy validate, shellcheck: nothing to say");
    const sshd = await look("sshd -T");
    for (const line of [
      "passwordauthentication no",
      "kbdinteractiveauthentication no",
      "permitrootlogin without-password",
    ])
      assert(sshd.includes(line), line);
    assert.match(sshd, /^allowusers root@10\.0\.0\.2$/m);
    assert.match(await look("getent passwd openclaw"), /\/usr\/sbin\/nologin$/);
    assert.equal(
      await look("stat -c %a /etc/openclaw/gateway.env /etc/openclaw/secrets.json /var/lib/openclaw"),
      "600\n600\n700",
    );
    assert.equal(
      await look("awk -F: '$3 >= 1000 && $3 < 60000 {print $1}' /etc/passwd"),
      "",
      "no account beside root",
    );
    say(
      await look("systemctl show --property MemoryHigh,MemoryMax,TasksMax openclaw.service | paste -sd' '"),
    );
    assert.match(await look("apt-config dump APT::Periodic::Unattended-Upgrade"), /"1"/);
    say(`open for programs of the agent: ${await agentsView(lab, customer)}`);
  });
}

/** Every script that is put on a server, and those of the lab. */
async function checkScripts(): Promise<void> {
  for (const folder of ["../../../cloud-init/first-boot/", "../", "../prepare/"]) {
    const path = fileURLToPath(new URL(folder, import.meta.url));
    const scripts = (await readdir(path))
      .filter((name) => name.endsWith(".sh"))
      .map((name) => join(path, name));
    const { code, stdout } = await runCommand("shellcheck", scripts, { timeoutMs: 60_000 });
    assert.equal(code, 0, stdout);
  }
}

/** As the gateway's user: neither the backend nor the neighbours, no metadata, no other user's secrets. */
async function agentsView(lab: Lab, customer: Customer): Promise<string> {
  const asAgent = (script: string) =>
    lab.machines.run(customer.machine, `runuser -u openclaw -- /bin/bash -c ${JSON.stringify(script)}`);
  for (const target of ["10.0.0.2/22", "10.0.0.1/80", "169.254.169.254/80"]) {
    const { code } = await asAgent(`timeout 3 bash -c '</dev/tcp/${target}'`);
    assert.notEqual(code, 0, `the agent reaches ${target}`);
  }
  for (const file of ["/etc/openclaw/gateway.env", "/etc/caddy/tls/key.pem", "/run/caddy/admin.sock"]) {
    const { code } = await asAgent(`head -c 1 ${file} || nc -U ${file}`);
    assert.notEqual(code, 0, `the agent reads ${file}`);
  }
  const { code } = await asAgent("timeout 3 bash -c '</dev/tcp/127.0.0.1/2019'");
  assert.notEqual(code, 0, "the proxy's admin port is open to the agent");
  return "the internet, and nothing of ours";
}
