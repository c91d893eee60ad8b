import { execFile } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { build } from "esbuild";
import { beforeAll, expect, test } from "vitest";
import { temporaryFolder } from "../../support/temporary-folder.js";

const source = fileURLToPath(new URL("../../../src/net/unchanged-authorities.ts", import.meta.url));
let built: string;

beforeAll(async () => {
  const { outputFiles } = await build({
    entryPoints: [source],
    ...{ bundle: true, format: "esm", platform: "node", write: false },
  });
  built = outputFiles[0]?.text ?? "";
});

/** Returns what a new process of Node says, with these options and variables, after it has run a statement. */
async function isUnchanged(
  options: readonly string[] = [],
  variables: Record<string, string> = {},
  statement = "",
): Promise<boolean> {
  const program = join(await temporaryFolder(), "program.mjs");
  await writeFile(
    program,
    `${built}
     ${statement}
     process.getBuiltinModule("node:fs").writeSync(1, String(hasUnchangedAuthorities(process.env)));`,
  );
  const { PATH = "" } = process.env;
  const env = { PATH, ...variables };
  const { stdout } = await promisify(execFile)(process.execPath, [...options, program], { env });
  return stdout === "true";
}

// A Node that uses the authorities of its distribution has to read them.
const usesOwnRoots = !JSON.stringify(process.config).includes('"openssl_use_def_ca_store":true');

test("the authorities of Node are unchanged if nothing is configured", async () => {
  expect(await isUnchanged()).toBe(usesOwnRoots);
  expect(await isUnchanged([], { NODE_EXTRA_CA_CERTS: "", OTHER: "1" })).toBe(usesOwnRoots);
});

test.each(["NODE_EXTRA_CA_CERTS", "NODE_USE_SYSTEM_CA", "SSL_CERT_DIR", "SSL_CERT_FILE"])(
  "the authorities of Node may be others if %s is set",
  async (name) => {
    expect(await isUnchanged([], { [name]: "1" })).toBe(false);
  },
);

test("the authorities of Node may be others if Node has options", async () => {
  expect(await isUnchanged(["--use-openssl-ca"])).toBe(false);
  expect(await isUnchanged([], { NODE_OPTIONS: "--use-openssl-ca" })).toBe(false);
});

test.each(["node:tls", "node:https"])(
  "the authorities of Node may be others once %s is loaded",
  async (name) => {
    expect(await isUnchanged([], {}, `await import("${name}");`)).toBe(false);
  },
);

test("the authorities of Node may be others if Node does not say what it has loaded", async () => {
  for (const list of ["undefined", "[]", '["events", "tls"]']) {
    const statement = `Object.defineProperty(process, "moduleLoadList", { value: ${list} });`;
    expect(await isUnchanged([], {}, statement)).toBe(false);
  }
});
