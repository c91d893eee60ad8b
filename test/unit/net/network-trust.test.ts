import { execFile } from "node:child_process";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { build } from "esbuild";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { NetworkSpec } from "../../../src/config/spec.js";
import { networkTrust, type TrustOptions } from "../../../src/net/network-trust.js";
import { createAuthority } from "../../support/certificates.js";
import { fakeHostname } from "../../support/fake-hostname.js";

const root = new URL("../../../", import.meta.url);
// Inside the project, so that its dependencies are found, in a folder that git and the checks ignore.
const folder = new URL(`node_modules/.cache/trust-${process.pid}/`, root);
const path = (name: string): string => fileURLToPath(new URL(name, folder));

beforeAll(async () => {
  await mkdir(folder, { recursive: true });
  const [a, b] = [(await createAuthority()).certificate, (await createAuthority()).certificate];
  await writeFile(path("a.pem"), a);
  await writeFile(path("b.pem"), b);
  await writeFile(path("both.pem"), `${b}\n${a}`);
  await writeFile(path("same-a.pem"), `Our authority\r\n${a.replaceAll("\n", "\r\n")}`);
  await build({
    entryPoints: [fileURLToPath(new URL("src/net/network-trust.ts", root))],
    outfile: path("network-trust.mjs"),
    ...{ bundle: true, format: "esm", platform: "node", packages: "external" },
  });
});
afterAll(() => rm(folder, { recursive: true, force: true }));

interface TrustSettings extends Partial<NetworkSpec>, Partial<Pick<TrustOptions, "env" | "hasOwnFetch">> {}

async function fingerprint({ env = {}, hasOwnFetch = false, ...spec }: TrustSettings = {}): Promise<string> {
  const { ca = [], allowInsecureHttp = [], ...proxy } = spec;
  const all = { ...proxy, ca: ca.map(path), allowInsecureHttp };
  return await networkTrust({ spec: all, env, processEnv: {}, hasOwnFetch }).fingerprint();
}

/**
 * Returns the fingerprint of a process that runs with these options and variables. It gets none of this machine's
 * variables, because they may add authorities.
 */
async function inProcess(
  options: readonly string[],
  variables: Record<string, string> = {},
  { ca = [], env = {}, ...network }: TrustSettings = {},
): Promise<string> {
  const spec = { ...network, ca: ca.map(path), allowInsecureHttp: [] };
  const code = `
    import { networkTrust } from ${JSON.stringify(new URL("network-trust.mjs", folder).href)};
    const { spec, env } = ${JSON.stringify({ spec, env })};
    const trust = networkTrust({ spec, env, processEnv: process.env, hasOwnFetch: false });
    console.log(await trust.fingerprint());`;
  const { PATH = "" } = process.env;
  const args = [...options, "--input-type=module", "-e", code];
  const { stdout } = await promisify(execFile)(process.execPath, args, { env: { PATH, ...variables } });
  return stdout.trim();
}

describe("the fingerprint of what a process trusts", () => {
  test("the fingerprint is `default` if nothing was added to what Node trusts", async () => {
    expect(await inProcess([])).toBe("default");
    // Over https, a proxy cannot answer in place of a server.
    const env = { HTTPS_PROXY: "http://proxy.example", HTTP_PROXY: "http://proxy.example" };
    expect(await inProcess([], {}, { env, proxy: "http://another.example" })).toBe("default");
  });

  test("the fingerprint depends on the certificates in the files of ca, not on their paths or line breaks", async () => {
    const a = await fingerprint({ ca: ["a.pem"] });
    expect(a).not.toBe("default");
    expect(await fingerprint({ ca: ["same-a.pem", "a.pem"] })).toBe(a);
    const both = await fingerprint({ ca: ["a.pem", "b.pem"] });
    expect(await fingerprint({ ca: ["both.pem"] })).toBe(both);
    expect(new Set([a, both, await fingerprint({ ca: ["b.pem"] })]).size).toBe(3);
  });

  test("the fingerprint is the same for an authority in NODE_EXTRA_CA_CERTS and in the config", async () => {
    const extra = await inProcess([], { NODE_EXTRA_CA_CERTS: path("a.pem") });
    expect(extra).toBe(await inProcess([], {}, { ca: ["a.pem"] }));
  });

  test("the fingerprint depends on the variables of OpenSSL if its store is used", async () => {
    const found = [
      await inProcess([]),
      await inProcess(["--use-openssl-ca"]),
      await inProcess(["--use-openssl-ca"], { SSL_CERT_FILE: path("a.pem") }),
      await inProcess([], { NODE_OPTIONS: "--use-openssl-ca", SSL_CERT_FILE: path("b.pem") }),
    ];
    expect(new Set(found).size).toBe(4);
    for (const option of ["--use_openssl_ca", "--use-openssl-ca=true"])
      expect(await inProcess([option], { SSL_CERT_FILE: path("a.pem") })).toBe(found[2]);
    const quoted = { NODE_OPTIONS: '"--use-openssl-ca"', SSL_CERT_FILE: path("b.pem") };
    expect(await inProcess([], quoted)).toBe(found[3]);
    // Without that option, Node ignores the variables.
    expect(await inProcess([], { SSL_CERT_FILE: path("a.pem") })).toBe("default");
  });

  test("the fingerprint depends on the hosts with plain http and on their proxy", async () => {
    const allowInsecureHttp = ["a.mesh", "b.mesh"];
    const env = { HTTP_PROXY: "http://agent:secret@proxy.example:3128" };
    const plain = await fingerprint({ allowInsecureHttp });
    expect(await fingerprint({ allowInsecureHttp: ["b.mesh", "a.mesh"] })).toBe(plain);
    const proxied = await fingerprint({ allowInsecureHttp, env });
    // With another password, it is still the same proxy.
    expect(await fingerprint({ allowInsecureHttp, proxy: "http://proxy.example:3128" })).toBe(proxied);
    const exempt = { ...env, NO_PROXY: "a.mesh" };
    const found = [
      ...["default", plain, proxied],
      await fingerprint({ allowInsecureHttp: ["a.mesh"] }),
      await fingerprint({ allowInsecureHttp, env: exempt }),
    ];
    expect(new Set(found).size).toBe(5);
  });

  test("the fingerprint depends on the machine only if that proxy is on loopback", async () => {
    const allowInsecureHttp = ["a.mesh"];
    const ways = [{ proxy: "http://127.0.0.1:3128" }, { proxy: "http://proxy.example:3128" }, {}];
    const all = async () => await Promise.all(ways.map((way) => fingerprint({ allowInsecureHttp, ...way })));
    const [local, remote, direct] = await all();
    fakeHostname("another");
    const [localThere, ...others] = await all();
    expect(localThere).not.toBe(local);
    expect(others).toEqual([remote, direct]);
  });

  test("the fingerprint differs for a fetch of the caller, which may trust any server", async () => {
    expect(await fingerprint({ hasOwnFetch: true })).not.toBe("default");
  });

  test("the fingerprint rejects while a file of ca is missing, and works once the file exists", async () => {
    const spec = { ca: [path("late.pem")], allowInsecureHttp: [] };
    const trust = networkTrust({ spec, env: {}, processEnv: {}, hasOwnFetch: false });
    await expect(trust.fingerprint()).rejects.toMatchObject({ code: "config_invalid" });
    await writeFile(path("late.pem"), (await createAuthority()).certificate);
    expect(await trust.fingerprint()).not.toBe("default");
  });
});

test("requests that begin at the same moment trust the same list, so that they share connections", async () => {
  await writeFile(path("own.pem"), (await createAuthority()).certificate);
  const spec = { ca: [path("own.pem")], allowInsecureHttp: [] };
  const trust = networkTrust({ spec, env: {}, processEnv: {}, hasOwnFetch: false });
  const [one, other] = await Promise.all([trust.authorities(), trust.authorities()]);
  expect(one).toBe(other);
  expect(await trust.authorities()).toBe(one);
});

test("an authority that is added to a file of ca is trusted only after a restart, or in a changed network", async () => {
  const [first, second] = [await createAuthority(), await createAuthority()];
  await writeFile(path("replaced.pem"), first.certificate);
  const spec = { ca: [path("replaced.pem")], allowInsecureHttp: [] };
  const trust = networkTrust({ spec, env: {}, processEnv: {}, hasOwnFetch: false });
  const before = await trust.authorities();
  await writeFile(path("replaced.pem"), `${first.certificate}\n${second.certificate}`);
  expect(await trust.authorities()).toBe(before);
  const another = networkTrust({ spec, env: {}, processEnv: {}, hasOwnFetch: false });
  expect(await another.authorities()).toHaveLength((before?.length ?? 0) + 1);
});
