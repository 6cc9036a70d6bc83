/** Proves the operators' command line as a person and a script meet it: what it prints, and its exit codes. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { runScript } from "../sandbox/demo/visitor.ts";
import { eventually } from "../support/poll.ts";
import { findObstacle, startFleet, type Fleet } from "../support/fleet.ts";

const obstacle = await findObstacle();

describe.skipIf(obstacle !== undefined)("fleet", () => {
  let fleet: Fleet;
  beforeAll(async () => {
    fleet = await startFleet();
  });
  afterAll(() => fleet?.close());

  const run = (args: string[], env: Record<string, string> = {}, stdin = "") =>
    runScript("reconciler/cli/main.ts", args, { ...fleet.service.env, ...env }, stdin);

  test("provision gives one away and follows it to the end", async () => {
    const { code, output } = await run([
      "provision",
      "zoe",
      "--plan",
      "starter",
      "--email",
      "zoe@example.com",
    ]);
    expect(output).toContain("zoe is provisioned free of charge on plan starter");
    expect(output).toContain("created health");
    expect(output).toMatch(/operation \d+ succeeded: 15 create/);
    expect(code).toBe(0);
  });

  test("list and show tell where it is, for people and for programs", async () => {
    const list = await run(["list"]);
    expect(list.output.split("\n")[0]).toMatch(/^NAME +STATUS +PHASE +PLAN/);
    expect(list.output).toMatch(/^zoe +ready +running +starter +cx23 nbg1 +lab +comped/m);
    expect(JSON.parse((await run(["list", "--json", "--search", "zo"])).output)).toHaveLength(1);
    expect((await run(["list", "--status", "parked"])).output).toBe("no instances\n");
    const show = await run(["show", "zoe"]);
    expect(show.output).toContain("https://zoe.claws.example");
    expect(show.output).toContain("created server");
  });

  test("cells shows how full each is and who works there, and one can be drained and opened again", async () => {
    const { output } = await run(["cells"]);
    expect(output.split("\n")[0]).toMatch(
      /^CELL +STATE +STATUS +ACCOUNT +ZONE +NETWORK +MEMBERS +RECORDS +ROOM +WORKERS +DETAIL/,
    );
    expect(output).toMatch(
      /^lab +open +ready +default +claws.example +eu-central public +1\/90 +2\/200 +89 +\S+-\d+$/m,
    );
    expect((await run(["drain", "lab"])).output).toContain("lab takes no new instances");
    expect((await run(["cells"])).output).toMatch(/^lab +drained by admin /m);
    const refused = await run(["provision", "yan", "--plan", "starter"]);
    expect([refused.code, refused.output]).toEqual([1, expect.stringContaining("no cell has room")]);
    expect((await run(["undrain", "lab"])).code).toBe(0);
    expect(JSON.parse((await run(["cells", "--json"])).output)).toMatchObject({ cells: [{ state: "open" }] });
    expect((await run(["drain", "nowhere"])).code).toBe(3);
  });

  test("a cell is shown and applied by the name of its stack", async () => {
    const applied = await run(["apply", "cell.lab"]);
    expect(applied.output).toMatch(/operation \d+ unchanged: \d+ same/);
    expect(applied.code).toBe(0);
    const show = await run(["show", "cell.lab"]);
    expect(show.output).toMatch(/^status +ready$/m);
    expect(show.output).toContain("operator by admin");
    expect((await run(["apply", "cell.nowhere"])).code).toBe(3);
  });

  test("preview prints Pulumi's diff and changes nothing", async () => {
    const { code, output } = await run(["preview", "zoe"]);
    expect(output).toContain("15 unchanged");
    expect(output).toMatch(/operation \d+ unchanged: 15 same/);
    expect(code).toBe(0);
  });

  test("a key comes on standard input; none, a reserved one and an odd one are refused", async () => {
    const given = await run(["env", "zoe", "TELEGRAM_BOT_TOKEN"], {}, "123:abc");
    expect(given.output).toContain("zoe has: TELEGRAM_BOT_TOKEN");
    expect(given.output).not.toContain("123:abc");
    expect(given.code).toBe(0);
    expect((await run(["env", "zoe", "TELEGRAM_BOT_TOKEN"])).code).toBe(2);
    expect((await run(["env", "zoe", "OPENCLAW_GATEWAY_TOKEN"], {}, "x")).output).toContain(
      "Clawfleet's own",
    );
    expect((await run(["env", "zoe", "lower"], {}, "x")).code).toBe(2);
    const taken = await run(["env", "zoe", "TELEGRAM_BOT_TOKEN", "--unset"]);
    expect(taken.output).toContain("no variables of its own");
  });

  test("one machine is restarted, reset and made anew, each on command", async () => {
    const restart = await run(["restart", "zoe"]);
    expect([restart.code, restart.output]).toEqual([0, expect.stringMatching(/operation \d+ succeeded/)]);
    const reboot = await run(["reboot", "zoe", "--json"]);
    expect(
      JSON.parse(reboot.output.slice(reboot.output.indexOf("{"), reboot.output.lastIndexOf("}") + 1)),
    ).toMatchObject({ operation: { kind: "reboot", reason: "operator", outcome: "succeeded" } });
    const before = fleet.sandbox.hetzner.project().server("cf-zoe").id;
    const rebuild = await run(["rebuild", "zoe", "--yes"]);
    expect([rebuild.code, rebuild.output]).toEqual([0, expect.stringMatching(/replaced? server/)]);
    expect(fleet.sandbox.hetzner.project().server("cf-zoe").id).not.toBe(before);
  });

  test("a pause and a suspension end with a resume", async () => {
    expect((await run(["pause", "zoe"])).code).toBe(0);
    const refused = await run(["restart", "zoe"]);
    expect([refused.code, refused.output]).toEqual([
      1,
      expect.stringContaining("what to do: fleet resume zoe"),
    ]);
    expect((await run(["resume", "zoe"])).output).toContain("zoe is looked after again");
    expect((await run(["suspend", "zoe"])).code).toBe(0);
    expect((await run(["resume", "zoe"])).code).toBe(0);
    expect((await run(["resume", "zoe"])).code).toBe(1);
    expect((await run(["pause"])).code).toBe(0);
    expect((await run(["pauses"])).output).toMatch(/^the fleet +admin/m);
    expect((await run(["resume"])).code).toBe(0);
  });

  test("what an operation said is one event a line for programs", async () => {
    const { output } = await run(["events", "zoe", "--json"]);
    const events = output
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(events[0]).toMatchObject({ operation: expect.any(Number), seq: 0, message: expect.any(String) });
    expect((await run(["logs", "cell.lab"])).code).toBe(0);
  });

  test("doctor asks the clouds what the tokens may do, and says what is not well", async () => {
    const { findings } = { findings: JSON.parse((await run(["doctor", "--json"])).output) };
    const wellOf = (name: string) =>
      findings.find(({ check }: { check: string }) => check === name)?.well as boolean | undefined;
    for (const name of ["clock", "versions", "workers", "cell lab", "hetzner default rights"])
      expect([name, wellOf(name)]).toEqual([name, true]);
    expect(wellOf("cloudflare default claws.example DNS")).toBe(true);
  });

  test("a stack that nobody has locked is told to be free", async () => {
    expect((await run(["unlock", "zoe"])).output).toBe("nobody holds a lock on zoe\n");
    expect(JSON.parse((await run(["state", "export", "cell.lab"])).output)).toMatchObject({ version: 3 });
  });

  test.each([
    ["an unknown name", ["show", "nobody"], {}, 3, "there is no instance named nobody"],
    ["a wrong key", ["list"], { CLAWFLEET_ADMIN_KEY: "x".repeat(40) }, 4, "key"],
    ["a service that is not there", ["list"], { CLAWFLEET_URL: "http://127.0.0.1:1" }, 5, "CLAWFLEET_URL"],
    ["a plan that is not sold", ["provision", "yan", "--plan", "huge"], {}, 2, "there are starter, pro"],
    ["a name that is taken", ["provision", "zoe", "--plan", "starter"], {}, 1, "taken"],
    ["a reserved name", ["provision", "www", "--plan", "starter"], {}, 2, "reserved"],
    ["a verb that does not exist", ["explode"], {}, 2, "unknown command"],
    ["a deletion without a word", ["deprovision", "zoe"], {}, 2, "--yes"],
    ["a rebuild without a word", ["rebuild", "zoe"], {}, 2, "--yes"],
  ] as const)("%s ends with its own exit code and says what to do", async (_name, args, env, code, text) => {
    const ended = await run([...args], env);
    expect(ended.output).toContain(text);
    expect(ended.output.trim().split("\n").at(-1)).toMatch(/^what to do: /);
    expect(ended.code).toBe(code);
  });

  test("deprovision --keep-data leaves a snapshot, and resume makes a server of it", async () => {
    const archived = await run(["deprovision", "zoe", "--keep-data", "--yes"]);
    expect([archived.code, archived.output]).toEqual([
      0,
      expect.stringContaining("fleet resume zoe brings it back"),
    ]);
    await eventually("it is archived", async () =>
      (await run(["list", "--status", "ready"])).output.includes("archived"),
    );
    expect(fleet.sandbox.hetzner.counts().servers).toBe(0);
    const again = await run(["deprovision", "zoe", "--keep-data", "--yes"]);
    expect([again.code, again.output]).toEqual([1, expect.stringContaining("has no server any more")]);
    const back = await run(["resume", "zoe"]);
    expect([back.code, back.output]).toEqual([0, expect.stringContaining("what billing says counts again")]);
    expect(fleet.sandbox.hetzner.counts().servers).toBe(1);
    expect((await run(["resume", "zoe"])).code).toBe(1);
  });

  test("halt refuses what takes away, until it is ended", async () => {
    expect((await run(["halt", "--reason", "a look at billing"])).code).toBe(0);
    const refused = await run(["suspend", "zoe"]);
    expect([refused.code, refused.output]).toEqual([
      1,
      expect.stringContaining("what to do: fleet halt --end"),
    ]);
    expect((await run(["halt", "--end"])).output).toContain("removals go on");
    expect((await run(["history", "zoe"])).output).toMatch(/reached +archived/);
    expect((await run(["history", "nobody"])).code).toBe(3);
  });

  test("deprovision takes it away, whatever billing says", async () => {
    const { code, output } = await run(["deprovision", "zoe", "--yes"]);
    expect(output).toContain("zoe will be deleted");
    expect(code).toBe(0);
    expect((await run(["list"])).output).toBe("no instances\n");
    expect(fleet.sandbox.hetzner.counts().servers).toBe(0);
  });
});
