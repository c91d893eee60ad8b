// The recipes of the documentation, unchanged: each command with a program in its place that records its arguments, each
// function with a stand-in for the service or the SDK.
import { chmod, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { transform } from "esbuild";
import { describe, expect, it, onTestFinished } from "vitest";
import { loadConfig } from "../../../src/config/load.js";
import type { SecretReference } from "../../../src/config/spec.js";
import { readFromAws } from "../../../src/secrets/identities/aws.js";
import type { StsClient } from "../../../src/secrets/identities/aws-sdk.js";
import { readSecret, type SecretResolver } from "../../../src/secrets/read-secret.js";
import { sendJson, startHttpServer } from "../../support/http-server.js";
import { documents, snippets } from "../../support/snippets.js";
import { temporaryFolder } from "../../support/temporary-folder.js";
import { unsignedJwt } from "../oauth/fixtures.js";
import { readFailureOf } from "./read-failure-of.js";

const root = new URL("../../../", import.meta.url);
const marked = documents(root).flatMap((document) => snippets(root, document).filter(({ mark }) => mark));

function snippet(mark: string): string {
  const found = marked.filter((each) => each.mark === mark);
  if (found.length !== 1) throw new Error(`expected one snippet with the mark "${mark}"`);
  return found[0]?.code ?? "";
}

/** Returns the reference to the secret or assertion in the config of a snippet. */
async function referenceOf(mark: string): Promise<SecretReference> {
  // The page is checked by the test of all configs in the documentation.
  const config = JSON.parse(snippet(mark)) as never;
  const spec = await loadConfig({ config, cwd: "/", env: {} });
  const [server] = [...spec.servers.values()];
  if (server === undefined || !("spec" in server)) throw new Error("expected a usable server");
  const { grant } = server.spec;
  if (grant.type === "jwt_bearer" && grant.assertion.kind === "platform") return grant.assertion.reference;
  const credential = grant.type === "client_credentials" ? grant.client.credential : undefined;
  if (credential?.kind === "secret") return credential.secret;
  if (credential?.kind === "assertion") return credential.assertion;
  throw new Error("expected a secret or an assertion");
}

/** Creates a program with this name that records its arguments and prints a text. */
async function plantProgram(name: string, prints: string) {
  const bin = join(await temporaryFolder(), "bin");
  await mkdir(bin);
  const record = join(bin, "arguments.json");
  const script = `#!${process.execPath}
require("node:fs").writeFileSync(${JSON.stringify(record)}, JSON.stringify(process.argv.slice(2)));
process.stdout.write(${JSON.stringify(prints)});
`;
  await writeFile(join(bin, name), script);
  await chmod(join(bin, name), 0o755);
  return { bin, args: async (): Promise<unknown> => JSON.parse(await readFile(record, "utf8")) };
}

describe("the command for a secret manager runs with exactly these arguments:", () => {
  const audience = "https://auth.example.com";
  it.each<[mark: string, program: string, args: readonly string[], prints: string]>([
    ["secret vault", "vault", ["kv", "get", "-mount=secret", "-field=client_secret", "crm"], "s3cret"],
    [
      "secret aws",
      "aws",
      [
        ...["secretsmanager", "get-secret-value", "--secret-id", "prod/crm"],
        ...["--query", "SecretString", "--output", "text"],
      ],
      '{"client_secret":"s3cret"}\n',
    ],
    [
      "secret google",
      "gcloud",
      ["secrets", "versions", "access", "latest", "--secret=crm-agent", "--project=acme-agents"],
      "s3cret",
    ],
    [
      "secret azure",
      "az",
      [
        ...["keyvault", "secret", "show", "--vault-name", "acme", "--name", "crm-agent"],
        ...["--query", "value", "--output", "tsv"],
      ],
      "s3cret\n",
    ],
    ["secret 1password", "op", ["read", "op://agents/crm/client secret"], "s3cret\n"],
    [
      "secret macos",
      "security",
      ["find-generic-password", "-s", "mcp-auth", "-a", "crm-agent", "-w"],
      "s3cret\n",
    ],
    ["secret linux", "secret-tool", ["lookup", "service", "mcp-auth", "account", "crm-agent"], "s3cret"],
    [
      "secret windows",
      "pwsh.exe",
      ["-NoProfile", "-NonInteractive", "-Command", "Get-Secret -Name crm-agent -AsPlainText"],
      "s3cret\r\n",
    ],
    [
      "identity fly",
      "curl",
      [
        ...["--silent", "--fail", "--unix-socket", "/.fly/api", "--json"],
        ...[JSON.stringify({ aud: audience }).replace(":", ": "), "http://localhost/v1/tokens/oidc"],
      ],
      "s3cret",
    ],
  ])("%s", async (mark, program, args, prints) => {
    const { bin, args: received } = await plantProgram(program, prints);
    const reference = await referenceOf(mark);
    const secret = await readSecret(reference, { server: "crm", env: { PATH: bin } });
    expect(secret.reveal()).toBe("s3cret");
    expect(await received()).toEqual(args);
  });
});

describe("the config for the identity of a machine is answered by the platform's service:", () => {
  it.each([
    ["identity gcp", "https://auth.example.com"],
    ["identity azure", "api://auth.example.com"],
  ])("%s", async (mark, audience) => {
    const token = unsignedJwt({ aud: audience });
    const server = await startHttpServer((_, response) => {
      response.setHeader("metadata-flavor", "Google");
      if (mark === "identity gcp") response.end(token);
      else sendJson(response, { access_token: token });
    });
    onTestFinished(() => server.close());
    const env = { GCE_METADATA_HOST: server.origin, AZURE_POD_IDENTITY_AUTHORITY_HOST: server.origin };
    const context = { server: "billing", env, fetchDirect: fetch };
    expect((await readSecret(await referenceOf(mark), context)).reveal()).toBe(token);
    const query = new URL(server.requests[0]?.url ?? "", server.origin).searchParams;
    expect(query.get("audience") ?? query.get("resource")).toBe(audience);
  });

  it("identity aws", async () => {
    const token = unsignedJwt({ aud: "https://auth.example.com" });
    const reference = await referenceOf("identity aws");
    if (!("aws" in reference)) throw new Error("expected the identity in AWS");
    const inputs: unknown[] = [];
    const sdk: StsClient = {
      getWebIdentityToken: async (input) => {
        inputs.push(input);
        return { WebIdentityToken: token };
      },
    };
    expect(await readFromAws(reference, { server: "billing", env: {} }, async () => sdk)).toBe(token);
    expect(inputs).toEqual([{ Audience: ["https://auth.example.com"], SigningAlgorithm: "RS256" }]);
  });
});

/** Loads the function of a snippet unchanged. */
async function functionOf(mark: string, name: string): Promise<(...args: never[]) => SecretResolver> {
  const { code } = await transform(snippet(mark), { loader: "ts", format: "esm" });
  const file = join(await temporaryFolder(), "recipe.mjs");
  await writeFile(file, code);
  const module: Readonly<Record<string, unknown>> = await import(/* @vite-ignore */ pathToFileURL(file).href);
  const make = module[name];
  if (typeof make !== "function") throw new Error(`expected the recipe to export ${name}`);
  // What the function returns is checked by the tests.
  return make as (...args: unknown[]) => SecretResolver;
}

const calling = (resolver: SecretResolver) => ({ server: "crm", env: {}, resolvers: { given: resolver } });

describe("the function for AWS Secrets Manager", () => {
  const reference = { resolver: "given", ref: "prod/crm", pointer: "/client_secret" };
  const make = async (call: (...args: unknown[]) => unknown) =>
    (await functionOf("resolver aws", "awsResolver"))(call as never);

  it("requests the secret by its ref and returns its text", async () => {
    const calls: unknown[] = [];
    const aws = await make(async (input, options) => {
      calls.push(input, options);
      return { SecretString: '{"client_secret":"s3cret"}', VersionStages: ["AWSCURRENT"] };
    });
    expect((await readSecret(reference, calling(aws))).reveal()).toBe("s3cret");
    expect(calls).toEqual([{ SecretId: "prod/crm" }, { abortSignal: expect.any(AbortSignal) }]);
  });

  it("refuses a binary secret", async () => {
    const aws = await make(async () => ({ SecretBinary: Buffer.from("canary") }));
    const error = await readFailureOf(reference, { env: {}, resolvers: { given: aws } });
    expect(error.message).toContain('the resolver "given": it threw.');
  });
});

describe("the function for Google Secret Manager", () => {
  const reference = { resolver: "given", ref: "projects/acme/secrets/crm/versions/latest" };
  const make = async (call: (...args: unknown[]) => unknown) =>
    (await functionOf("resolver google", "googleResolver"))(call as never);

  it.each([
    ["text", "s3cret-ü"],
    ["bytes", new TextEncoder().encode("s3cret-ü")],
  ])("requests the secret by its ref and decodes %s", async (_, data) => {
    const calls: unknown[] = [];
    const google = await make(async (request) => {
      calls.push(request);
      return [{ name: "x", payload: { data } }, undefined, undefined];
    });
    expect((await readSecret(reference, calling(google))).reveal()).toBe("s3cret-ü");
    expect(calls).toEqual([{ name: reference.ref }]);
  });

  it("refuses a secret without data", async () => {
    const google = await make(async () => [{ payload: null }]);
    const error = await readFailureOf(reference, { env: {}, resolvers: { given: google } });
    expect(error.message).toContain("it threw.");
  });
});

describe("the function for Azure Key Vault", () => {
  const reference = { resolver: "given", ref: "crm-agent" };
  const make = async (call: (...args: unknown[]) => unknown) =>
    (await functionOf("resolver azure", "azureResolver"))(call as never);

  it("requests the secret by its name", async () => {
    const calls: unknown[] = [];
    const azure = await make(async (...args) => {
      calls.push(...args);
      return { value: "s3cret", name: "crm-agent" };
    });
    expect((await readSecret(reference, calling(azure))).reveal()).toBe("s3cret");
    expect(calls).toEqual(["crm-agent", { abortSignal: expect.any(AbortSignal) }]);
  });

  it("refuses a secret without a value", async () => {
    const azure = await make(async () => ({}));
    const error = await readFailureOf(reference, { env: {}, resolvers: { given: azure } });
    expect(error.message).toContain("it threw.");
  });
});

describe("the function for HashiCorp Vault", () => {
  const reference = { resolver: "given", ref: "secret/data/crm", pointer: "/data/data/client_secret" };

  async function vault(status = 200) {
    const server = await startHttpServer(({ url }, response) => {
      if (url === "/v1/auth/kubernetes/login") return sendJson(response, { auth: { client_token: "hvs.1" } });
      return sendJson(response, { data: { data: { client_secret: "s3cret" } } }, status, {
        location: "/canary",
      });
    });
    onTestFinished(() => server.close());
    const tokenFile = join(await temporaryFolder(), "token");
    await writeFile(tokenFile, "pod.token\n");
    const make = await functionOf("resolver vault", "vaultResolver");
    return { server, resolver: make(...([server.origin, "agent", tokenFile] as never[])) };
  }

  it("signs in with the token of the pod, and reads the secret with the token of Vault", async () => {
    const { server, resolver } = await vault();
    expect((await readSecret(reference, calling(resolver))).reveal()).toBe("s3cret");
    const [login, read] = server.requests;
    expect([login?.method, login?.url]).toEqual(["POST", "/v1/auth/kubernetes/login"]);
    expect(JSON.parse(login?.body ?? "")).toEqual({ role: "agent", jwt: "pod.token" });
    expect([read?.method, read?.url, read?.headers["x-vault-token"]]).toEqual([
      "GET",
      "/v1/secret/data/crm",
      "hvs.1",
    ]);
  });

  it.each([403, 307])("throws for the status %i, and follows no redirect", async (status) => {
    const { server, resolver } = await vault(status);
    const error = await readFailureOf(reference, { env: {}, resolvers: { given: resolver } });
    expect(error.message).toContain("it threw.");
    expect(server.requests).toHaveLength(2);
  });
});
