// The settings that `proxy --print vscode` prints, against the schema of VS Code itself: its own code, which
// monaco-vscode-api publishes on npm. test/unit/proxy/host-settings compares all hosts with schemas that are in this
// project.
import { Ajv } from "ajv";
import { expect, test } from "vitest";
import { hostSettings, type ProxyAccess } from "../../src/proxy/host-settings/host-settings.js";

const module = "@codingame/monaco-vscode-api/vscode/vs/workbench/contrib/mcp/common/mcpConfiguration";
// The value that VS Code registers as the schema of mcp.json.
const { mcpServerSchema }: { readonly mcpServerSchema: object } = await import(module);
// `id` is what older drafts of JSON Schema have for `$id`.
const schema = { ...mcpServerSchema, id: undefined };
const validate = new Ajv({ strict: false, allErrors: true, formats: { uri: true } }).compile(
  JSON.parse(JSON.stringify(schema)),
);

function violations(settings: unknown): readonly string[] {
  validate(settings);
  return (validate.errors ?? []).map(({ instancePath, keyword }) => `${instancePath} ${keyword}`);
}

function printed(servers: readonly string[], access: ProxyAccess): unknown {
  return JSON.parse(hostSettings("vscode", servers, access).text);
}

const servers = ["crm", "A.b", "a_b"];
const tcp = { origin: "http://127.0.0.1:8484", token: "LOCAL_TOKEN" };

test("the schema of VS Code accepts what is printed for TCP, and the input for the token that the notes describe", () => {
  expect(violations(printed(servers, tcp))).toEqual([]);
  const inputs = [{ id: "mcp-auth-proxy-token", type: "promptString", description: "Token", password: true }];
  const withInput = JSON.stringify(printed(servers, tcp)).replaceAll(
    "LOCAL_TOKEN",
    "${input:mcp-auth-proxy-token}",
  );
  expect(violations({ ...JSON.parse(withInput), inputs })).toEqual([]);
});

test("the schema of VS Code refuses the URL of a socket only for its scheme, as the notes say", () => {
  const settings = printed(servers, { socket: "/run/user/1000/mcp auth/proxy.sock" });
  const urls = violations(settings).filter((violation) => violation.includes("/url "));
  expect(urls).toEqual(servers.map((server) => `/servers/${server}/url pattern`));
  const asHttp = JSON.parse(JSON.stringify(settings).replaceAll('"unix:///', '"http://host/'));
  expect(violations(asHttp)).toEqual([]);
});

test("the schema of VS Code refuses settings of another form", () => {
  const [first] = servers;
  expect(violations({ mcpServers: { [String(first)]: { url: tcp.origin } } })).not.toEqual([]);
  expect(violations({ servers: { [String(first)]: { type: "http", uri: tcp.origin } } })).not.toEqual([]);
});
