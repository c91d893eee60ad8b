import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { transform } from "esbuild";
import { describe, expect, it } from "vitest";
import { readSecret, type SecretResolver } from "../../../src/secrets/read-secret.js";
import { snippets } from "../../support/snippets.js";
import { temporaryFolder } from "../../support/temporary-folder.js";
import { readFailureOf } from "./read-failure-of.js";

/** Runs the recipe of docs/secrets.md unchanged, with a fake service. */
async function awsResolver(
  getSecretValue: (input: object, options: object) => unknown,
): Promise<SecretResolver> {
  const folder = await temporaryFolder();
  const root = new URL("../../../", import.meta.url);
  const [found] = snippets(root, "docs/secrets.md").filter(({ mark }) => mark === "resolver aws");
  const { code } = await transform(found?.code ?? "", { loader: "ts", format: "esm" });
  const file = join(folder, "aws.mjs");
  await writeFile(file, code);
  const module: Readonly<Record<string, unknown>> = await import(/* @vite-ignore */ pathToFileURL(file).href);
  const make = module["awsResolver"];
  if (typeof make !== "function") throw new Error("expected the recipe to export awsResolver");
  return make(getSecretValue);
}

const reference = { resolver: "aws", ref: "prod/crm", pointer: "/client_secret" };

describe("the recipe for AWS Secrets Manager", () => {
  it("requests the secret by its ref and returns its text", async () => {
    const calls: unknown[] = [];
    const aws = await awsResolver(async (input, options) => {
      calls.push(input, options);
      return { SecretString: '{"client_secret":"s3cret"}', VersionStages: ["AWSCURRENT"] };
    });
    const secret = await readSecret(reference, { server: "crm", env: {}, resolvers: { aws } });
    expect(secret.reveal()).toBe("s3cret");
    expect(calls).toEqual([{ SecretId: "prod/crm" }, { abortSignal: expect.any(AbortSignal) }]);
  });

  it("refuses a binary secret", async () => {
    const aws = await awsResolver(async () => ({ SecretBinary: Buffer.from("canary") }));
    const error = await readFailureOf(reference, { env: {}, resolvers: { aws } });
    expect(error.message).toContain('the resolver "aws": it threw.');
  });
});
