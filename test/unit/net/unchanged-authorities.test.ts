import { execFile } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { build } from "esbuild";
import { beforeAll, expect, test } from "vitest";
import { usesOpenSslByDefault } from "../../../src/net/unchanged-authorities.js";
import { temporaryFolder } from "../../support/temporary-folder.js";

const source = `
  export { hasUnchangedAuthorities } from "./net/unchanged-authorities.js";
  export { markCommandProcess } from "./lib/command-process.js";`;
let built: string;

beforeAll(async () => {
  const { outputFiles } = await build({
    stdin: { contents: source, resolveDir: fileURLToPath(new URL("../../../src", import.meta.url)) },
    ...{ bundle: true, format: "esm", platform: "node", write: false },
  });
  built = outputFiles[0]?.text ?? "";
});

/** Returns what a new process of Node says, with these options and variables, after it has run a statement. */
async function isUnchanged(
  options: readonly string[] = [],
  variables: Record<string, string> = {},
  statement = "markCommandProcess();",
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

test("the authorities of Node are unchanged if nothing is configured", async () => {
  expect(await isUnchanged()).toBe(!usesOpenSslByDefault());
  expect(await isUnchanged([], { NODE_EXTRA_CA_CERTS: "", OTHER: "1" })).toBe(!usesOpenSslByDefault());
});

test("the authorities of Node may be others in a process that is not that of the command", async () => {
  expect(await isUnchanged([], {}, "")).toBe(false);
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

test("the build of a Node says whether it uses the authorities of OpenSSL", () => {
  const usual = { target_defaults: { defines: [] }, variables: { openssl_is_fips: false } };
  expect(usesOpenSslByDefault(usual)).toBe(false);
  expect(usesOpenSslByDefault({})).toBe(false);
  // As Debian builds it, with --openssl-use-def-ca-store.
  const debian = { ...usual, target_defaults: { defines: ["NODE_OPENSSL_CERT_STORE"] } };
  expect(usesOpenSslByDefault(debian)).toBe(true);
  const withFile = { ...usual, variables: { openssl_system_ca_path: "/etc/ssl/cert.pem" } };
  expect(usesOpenSslByDefault(withFile)).toBe(true);
});
