/** Which code this process runs, and the engine that belongs to it. */
import packageFile from "../package.json" with { type: "json" };

export const codeVersion = `${packageFile.version} with Pulumi ${packageFile.dependencies["@pulumi/pulumi"]}`;
