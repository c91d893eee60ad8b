import { execFile } from "node:child_process";
import { chmod, mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { expect } from "vitest";
import { createMcpAuth } from "../../../src/index.js";
import type { ArrivedRequest } from "../../support/stand-in/expected-request.js";
import { buildExpected, mutations } from "../../support/stand-in/mutations.js";
import type { Product, ProductCommand } from "../../support/stand-in/product.js";
import { type ProductHosts, startHosts } from "../../support/stand-in/product-hosts.js";
import { replaceText } from "../../support/stand-in/replace-text.js";
import { type ClientTls, sendRaw } from "../../support/stand-in/send-raw.js";
import { temporaryFolder } from "../../support/temporary-folder.js";

/** Calls the MCP server of a config and checks that the product has received its requests, and no others. */
export async function runProduct(product: Product, config: string): Promise<void> {
  const folder = await temporaryFolder();
  await using hosts = await startHosts(product, config);
  await placeFiles(product, hosts, folder);
  const failure = await call(product, config, hosts, folder).catch((error: unknown) => error);
  const { seen } = hosts;
  const refused = seen.filter(({ kind }) => kind === "refused");
  expect(refused.map(({ at, body, differences }) => ({ at, body, differences }))).toEqual([]);
  expect(failure).toBeUndefined();
  const accepted = seen.filter(({ kind }) => kind === "expected").map((one) => one.accepted);
  expect(accepted).toEqual(product.requests.map(({ url }) => url));
  for (const { kind, at, rawHeaders } of seen) {
    expect(product.unread ?? []).not.toContain(at);
    const names = rawHeaders.filter((_, index) => index % 2 === 0).map((name) => name.toLowerCase());
    if (kind === "metadata" || kind === "absent") expect(names).not.toContain("authorization");
  }
}

async function call(product: Product, config: string, hosts: ProductHosts, folder: string): Promise<void> {
  const path = join(folder, "mcp-auth.config.json");
  const placed = JSON.stringify(replaceText(JSON.parse(config), inPlace(hosts, folder)));
  await writeFile(path, withAuthority(placed, product), { mode: 0o600 });
  const { userToken, env = {} } = product;
  const variables = typeof env === "function" ? env(hosts.local) : env;
  const auth = await createMcpAuth({
    config: path,
    cwd: folder,
    env: { PATH: `${join(folder, "bin")}:${process.env["PATH"]}`, ...variables },
  });
  try {
    const [name = ""] = auth.servers;
    const manager = auth.resolve(name);
    const { url } = JSON.parse(placed).servers[name];
    const caller =
      userToken === undefined ? manager : manager.for({ key: "user", subjectToken: async () => userToken });
    const response = await caller.fetch(url, { method: "POST", body: "{}" });
    expect(response.status).toBe(200);
  } finally {
    await auth.stop();
  }
}

/** Adds the test authority, which a config of the documentation cannot have. */
function withAuthority(config: string, { mutualTls }: Product): string {
  if (mutualTls === undefined) return config;
  return JSON.stringify({ ...JSON.parse(config), network: { ca: ["./test-authority.pem"] } });
}

/** Replaces hosts by local servers, and the folders of the machine by folders of the test. */
function inPlace({ local }: ProductHosts, folder: string): (text: string) => string {
  return (text) => local(text).replace(/^\/(?=(var|run|opt)\/)/, `${folder}/`);
}

function commandPath(folder: string, path: string): string {
  return join(folder, path.startsWith("/") ? path : join("bin", path));
}

async function placeFiles(product: Product, hosts: ProductHosts, folder: string): Promise<void> {
  const { files = {}, commands = {}, mutualTls } = product;
  const place = async (path: string, content: string, mode: number) => {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, content);
    await chmod(path, mode);
  };
  for (const [path, content] of Object.entries(files)) await place(join(folder, path), content, 0o600);
  if (mutualTls !== undefined) {
    await place(join(folder, "test-authority.pem"), mutualTls.authority.certificate, 0o600);
  }
  for (const [path, command] of Object.entries(commands)) {
    const args = command.args.map(inPlace(hosts, folder));
    const script = commandScript({ ...command, args });
    await place(commandPath(folder, path), script, 0o700);
  }
}

/** Returns a shell script that prints its text only for exactly these arguments and this input. */
function commandScript({ args, stdin, prints }: ProductCommand): string {
  const quoted = (text: string) => `'${text.replaceAll("'", "'\\''")}'`;
  const checks = args.map((argument) => `[ "$1" = ${quoted(argument)} ] && shift || exit 1`);
  if (stdin !== undefined) checks.push(`[ "$(cat)" = ${quoted(stdin)} ] || exit 1`);
  return ["#!/bin/sh", `[ $# = ${args.length} ] || exit 1`, ...checks, `echo ${quoted(prints)}`, ""].join(
    "\n",
  );
}

/** Sends each expected request with each change, and checks that the stand-in refuses it because of that change. */
export async function checkStrictness(product: Product, config: string): Promise<number> {
  await using hosts = await startHosts(product, config);
  const { mutualTls } = product;
  const ca = mutualTls?.authority.certificate;
  const tls = (issued?: {
    readonly certificate: string;
    readonly privateKey: string;
  }): ClientTls | undefined =>
    ca === undefined
      ? undefined
      : { ca, ...(issued && { cert: issued.certificate, key: issued.privateKey }) };
  let count = 0;
  for (const request of product.requests) {
    const expected = hosts.expected(request);
    const origin = hosts.local(new URL(request.url).origin);
    const judge = async (sent: ArrivedRequest, client = tls(mutualTls?.own), to = origin) => {
      const status = await sendRaw(to, sent, client);
      return { status, differences: hosts.seen.at(-1)?.differences };
    };
    const accepted = { status: 200, differences: [] };
    // Otherwise a stand-in that refuses everything would do.
    expect(await judge(await buildExpected(expected))).toEqual(accepted);
    for (const { name, difference, request: mutated } of await mutations(expected)) {
      const refused = {
        status: 400,
        differences: expect.arrayContaining([expect.stringContaining(difference)]),
      };
      expect({ name, ...(await judge(mutated)) }).toEqual({ name, ...refused });
      count += 1;
    }
    for (const other of hosts.origins.filter((one) => one !== origin)) {
      const answer = await judge(await buildExpected(expected), undefined, other);
      expect({ other, ...answer }).toMatchObject({ status: 400 });
    }
    const usesJwt = request.form?.some(([, value]) => typeof value !== "string");
    if (usesJwt) {
      const once = await buildExpected(expected);
      expect(await judge(once)).toEqual(accepted);
      const reused = { status: 400, differences: [expect.stringContaining("claim jti")] };
      expect(await judge(once)).toEqual(reused);
    }
    if (mutualTls !== undefined) {
      const refused = { status: 400, differences: ["certificate"] };
      expect(await judge(await buildExpected(expected), tls())).toEqual(refused);
      expect(await judge(await buildExpected(expected), tls(mutualTls.another))).toEqual(refused);
    }
    expect(await judge(await buildExpected(expected))).toEqual(accepted);
  }
  return count;
}

/** Runs each command with each change of its arguments, and checks that it fails. */
export async function checkCommands(product: Product, config: string): Promise<void> {
  const folder = await temporaryFolder();
  await using hosts = await startHosts(product, config);
  await placeFiles(product, hosts, folder);
  for (const [path, { args, stdin = "", prints }] of Object.entries(product.commands ?? {})) {
    const file = commandPath(folder, path);
    const right = args.map(inPlace(hosts, folder));
    expect(await output(file, right, stdin)).toBe(`${prints}\n`);
    const changed = right.flatMap((argument, index) => [
      right.toSpliced(index, 1),
      right.with(index, `${argument}x`),
    ]);
    for (const wrong of [...changed, [...right, "unexpected"]]) {
      expect(await output(file, wrong, stdin)).toBe("");
    }
    if (stdin !== "") expect(await output(file, right, `${stdin}x`)).toBe("");
  }
}

function output(file: string, args: readonly string[], stdin: string): Promise<string> {
  return new Promise((resolve) => {
    const child = execFile(file, args, (_, stdout) => resolve(stdout));
    // It may have ended before it reads.
    child.stdin?.on("error", () => undefined);
    child.stdin?.end(stdin);
  });
}
