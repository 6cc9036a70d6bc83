/** Proves what the files of `stacks/` mean together. What may stand in one of them is stack-file.test.ts' matter. */
import { expect, it } from "vitest";
import { parseFiles } from "../../reconciler/desired/stack-files.ts";

it("a file that ends in .yml is refused, alone and beside the one of its name", () => {
  const texts = new Map([
    ["Pulumi.bob.yaml", "config:\n  clawfleet:hold: true\n"],
    ["Pulumi.bob.yml", "config:\n  clawfleet:comped: true\n"],
    ["Pulumi.cell.eu1.yml", "config:\n  clawfleet:zone: claws.example\n"],
  ]);
  const { overrides, cells, broken } = parseFiles(texts, "stacks");
  expect([...overrides.values()]).toEqual([{ hold: true }]);
  expect(cells.size).toBe(0);
  expect([...broken]).toEqual([
    ["bob", "stacks/Pulumi.bob.yml: the ending is .yaml; rename it, or delete it"],
    ["cell.eu1", "stacks/Pulumi.cell.eu1.yml: the ending is .yaml; rename it, or delete it"],
  ]);
});
