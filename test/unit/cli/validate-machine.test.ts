import { X509Certificate } from "node:crypto";
import { chmod, mkdir, readdir, symlink, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { createAuthority, selfSigned } from "../../support/certificates.js";
import { command, project } from "./command.js";

const servers = {
  crm: { url: "https://crm.example/mcp", grant: { client: { issuer: "https://auth.example", id: "a" } } },
};

/** Validates a config in a folder with these files, and returns the lines of its mistakes. */
async function validate(
  sections: object,
  files: Readonly<Record<string, string>> = {},
  env: Readonly<Record<string, string>> = {},
) {
  const cwd = await project({
    "mcp-auth.config.json": JSON.stringify({ servers, ...sections }),
    ...files,
  });
  return await validateIn(cwd, env);
}

async function validateIn(cwd: string, env: Readonly<Record<string, string>> = {}) {
  const before = await readdir(cwd, { recursive: true });
  const { code, out, err } = await command(["validate"], { cwd, env });
  // Nothing is created or removed.
  expect(await readdir(cwd, { recursive: true })).toEqual(before);
  expect(code).toBe(out.includes("no mistakes") ? 0 : 2);
  const [line = "", ...more] = out.trimEnd().split("\n");
  expect(more).toEqual([]);
  return { cwd, line: line.replaceAll(cwd, "CWD").replace(/:1:\d+ /, " "), err };
}

const fileStore = (path?: string) => ({
  store: { type: "file", encryptionKey: { env: "KEY" }, ...(path !== undefined && { path }) },
});

describe("the folder of a store", () => {
  test("a folder that does not exist is not created, and is no mistake if it could be", async () => {
    expect((await validate(fileStore("./a/b"))).line).toContain("no mistakes");
  });

  test("a file in place of the folder is a mistake with its path and the error", async () => {
    expect((await validate(fileStore("./state"), { state: "" })).line).toBe(
      "mcp-auth.config.json /store/path: The store of the config, CWD/state, cannot be used: CWD/state is not a folder " +
        "(ENOTDIR). Move it away, or configure another place.",
    );
  });

  test("a file in place of a folder above it is a mistake that names the file", async () => {
    const { line } = await validate(fileStore("./file/a/b"), { file: "" });
    expect(line).toContain("CWD/file/a/b");
    expect(line).toContain("cannot be used: CWD/file is not a folder (ENOTDIR). Move it away,");
  });

  test("a link that leads to nothing is a mistake", async () => {
    const cwd = await project({
      "mcp-auth.config.json": JSON.stringify({ servers, ...fileStore("./state") }),
    });
    await symlink(join(cwd, "gone"), join(cwd, "state"));
    expect((await validateIn(cwd)).line).toContain("CWD/state, cannot be used: ");
  });

  test.skipIf(process.platform === "win32")(
    "a folder that everybody may write to is a mistake only if something is in it, and keeps its mode",
    async () => {
      const cwd = await project({
        "mcp-auth.config.json": JSON.stringify({ servers, ...fileStore("./state") }),
      });
      await mkdir(join(cwd, "state"));
      await chmod(join(cwd, "state"), 0o777);
      expect((await validateIn(cwd)).line).toContain("no mistakes");
      await writeFile(join(cwd, "state", "notes"), "");
      expect((await validateIn(cwd)).line).toContain(
        "everybody may write to it, and there is something in it",
      );
    },
  );

  test("the default folder is checked too", async () => {
    const { line } = await validate(fileStore(), { state: "" }, {});
    expect(line).toContain("no mistakes");
    if (process.platform !== "linux") return;
    const cwd = await project({
      "mcp-auth.config.json": JSON.stringify({ servers, ...fileStore() }),
      state: "",
    });
    expect((await validateIn(cwd, { XDG_STATE_HOME: join(cwd, "state") })).line).toContain(
      "CWD/state/mcp-auth-runtime",
    );
  });

  test("a path with a variable that has no value is only reported as such", async () => {
    expect((await validate(fileStore("${STATE}"), { "${STATE}": "" })).line).toMatch(
      /^mcp-auth\.config\.json \/store\/path: The environment variable STATE is not set/,
    );
  });
});

describe("the files of network.ca", () => {
  const ca = (name = "./ca.pem") => ({ network: { ca: name } });

  test("a certificate that is valid now is no mistake", async () => {
    const { certificate } = await createAuthority();
    expect((await validate(ca(), { "ca.pem": certificate })).line).toContain("no mistakes");
  });

  test.each<[string, string, string]>([
    [
      "is empty",
      "",
      "holds no certificate in PEM (-----BEGIN CERTIFICATE-----) or DER. Convert it, or name another file.",
    ],
    [
      "is a private key",
      "-----BEGIN EC PRIVATE KEY-----\nAAAA\n-----END EC PRIVATE KEY-----\n",
      "It holds a private key. Name the certificate of the authority, which needs no key.",
    ],
    [
      "is damaged",
      "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
      "is damaged: its certificate number 1 cannot be read. Replace it.",
    ],
  ])("a file that %s is a mistake", async (_, text, problem) => {
    const { line } = await validate(ca(), { "ca.pem": text });
    expect(line).toMatch(
      /^mcp-auth\.config\.json \/network\/ca: The file CWD\/ca\.pem, named in "network\.ca", /,
    );
    expect(line).toContain(problem);
  });

  test("a missing file is a mistake at its place in the list", async () => {
    const { certificate } = await createAuthority();
    const { line } = await validate(
      { network: { ca: ["./ca.pem", "./gone.pem"] } },
      { "ca.pem": certificate },
    );
    expect(line).toBe(
      'mcp-auth.config.json /network/ca/1: The file CWD/gone.pem, named in "network.ca", does not exist. ' +
        'Correct the path, create the file, or remove "ca".',
    );
  });

  test("a certificate in DER is no mistake, and PKCS #7 is one with the command that converts it", async () => {
    const cwd = await project({ "mcp-auth.config.json": JSON.stringify({ servers, ...ca("./ca.der") }) });
    await writeFile(join(cwd, "ca.der"), new X509Certificate((await createAuthority()).certificate).raw);
    expect((await validateIn(cwd)).line).toContain("no mistakes");
    await writeFile(
      join(cwd, "ca.der"),
      Buffer.from("301306092a864886f70d010702a006300402010131000000", "hex"),
    );
    expect((await validateIn(cwd)).line).toContain(
      "It is PKCS #7. Convert it with: openssl pkcs7 -inform der -print_certs -in CWD/ca.der -out CWD/ca.der.pem.",
    );
  });

  test("an expired certificate is a mistake, and beside a valid one a warning", async () => {
    const notAfter = new Date("2020-01-01T00:00:00Z");
    const { certificate: old } = await selfSigned({ notBefore: new Date("2019-01-01T00:00:00Z"), notAfter });
    expect((await validate(ca(), { "ca.pem": old })).line).toContain(
      "holds a certificate that expired at 2020-01-01T00:00:00.000Z. Replace it by the one that is used now.",
    );
    const { certificate } = await createAuthority();
    const { line, err } = await validate(ca(), { "ca.pem": `${certificate}\n${old}` });
    expect(line).toContain("no mistakes");
    expect(err).toContain("holds 1 expired certificate: number 2 expired at 2020-01-01T00:00:00.000Z.");
  });
});

describe.skipIf(process.platform === "win32")("the socket of the proxy", () => {
  const socket = (path: string) => ({ proxy: { socket: path } });

  test("a folder that could be created, and a socket on which a proxy listens, are no mistakes", async () => {
    expect((await validate(socket("./run/proxy.sock"))).line).toContain("no mistakes");
    const cwd = await project({ "mcp-auth.config.json": JSON.stringify({ servers, ...socket("./r/s") }) });
    await mkdir(join(cwd, "r"), { mode: 0o700 });
    const listener = createServer().listen(join(cwd, "r", "s"));
    onTestFinished(() => void listener.close());
    await new Promise((resolve) => listener.once("listening", resolve));
    expect((await validateIn(cwd)).line).toContain("no mistakes");
  });

  test("a folder that others can reach into is a mistake with the remedy", async () => {
    const cwd = await project({ "mcp-auth.config.json": JSON.stringify({ servers, ...socket("./r/s") }) });
    await mkdir(join(cwd, "r"));
    await chmod(join(cwd, "r"), 0o755);
    expect((await validateIn(cwd)).line).toBe(
      "mcp-auth.config.json /proxy/socket: The socket CWD/r/s cannot be used: others can reach into its folder: choose a " +
        "folder of your own, and run chmod 700 CWD/r.",
    );
  });

  test("a file in place of the socket or of its folder is a mistake", async () => {
    expect((await validate(socket("./file/s"), { file: "" })).line).toContain(
      "its folder cannot be used (ENOTDIR).",
    );
    const cwd = await project({ "mcp-auth.config.json": JSON.stringify({ servers, ...socket("./r/s") }) });
    await mkdir(join(cwd, "r"), { mode: 0o700 });
    await writeFile(join(cwd, "r", "s"), "");
    expect((await validateIn(cwd)).line).toContain("there is a file of another kind");
  });

  test("a path that is too long for a socket is a mistake", async () => {
    expect((await validate(socket(`./${"a".repeat(120)}`))).line).toContain("at most 103 bytes");
  });
});

test("what the config names on this machine is checked although the config has other mistakes", async () => {
  const cwd = await project({
    "mcp-auth.config.json": JSON.stringify({
      servers: { crm: { ...servers.crm, typo: 1 } },
      network: { ca: "gone.pem" },
      ...fileStore("./state"),
    }),
    state: "",
  });
  const { code, out } = await command(["validate"], { cwd });
  expect(code).toBe(2);
  expect(out.trimEnd().split("\n")).toHaveLength(3);
});
