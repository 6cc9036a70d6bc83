/** The formats that the official documents use; an unknown one says nothing about validity. */
import type { Ajv2020 } from "ajv/dist/2020.js";

const INT32 = 2 ** 31;
const DATE_TIME = /^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:?\d\d)$/;
const HOST_NAME = /^(?=.{1,253}$)[a-z0-9_*]([a-z0-9_-]{0,62})?(\.[a-z0-9_]([a-z0-9_-]{0,62})?)*\.?$/i;

/** ajv ignores the formats that are not named here (`validateFormats` with `logger: false`). */
export function addKnownFormats(ajv: Ajv2020): void {
  ajv.addFormat("int32", {
    type: "number",
    validate: (value) => Number.isInteger(value) && Math.abs(value) <= INT32,
  });
  ajv.addFormat("int64", { type: "number", validate: (value) => Number.isInteger(value) });
  ajv.addFormat("unix-time", { type: "number", validate: (value) => Number.isInteger(value) && value >= 0 });
  ajv.addFormat("date-time", (value) => DATE_TIME.test(value) && !Number.isNaN(Date.parse(value)));
  ajv.addFormat("decimal", /^-?\d+(\.\d+)?$/);
  ajv.addFormat("hostname", HOST_NAME);
}
