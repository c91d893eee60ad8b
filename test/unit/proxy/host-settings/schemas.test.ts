import { readFile } from "node:fs/promises";
import { Ajv, type ValidateFunction } from "ajv";
import { Ajv2020 } from "ajv/dist/2020.js";
import { describe, expect, it } from "vitest";
import {
  type HostName,
  hostSettings,
  type ProxyAccess,
} from "../../../../src/proxy/host-settings/host-settings.js";
import { parseSettings } from "./parse-settings.js";

interface Published {
  readonly host: HostName;
  /** Where in the file the schema of the settings is; the whole file by default. */
  readonly part?: string;
  /** What of the settings the schema describes; all of them by default. */
  readonly described?: (settings: unknown) => readonly unknown[];
}

const published: readonly Published[] = [
  { host: "vscode" },
  { host: "opencode", part: "#/components/schemas/Config" },
  { host: "mcporter" },
  {
    host: "goose",
    part: "#/components/schemas/ExtensionEntry",
    described: (settings) => Object.values((settings as { extensions: object }).extensions), // As printed.
  },
  { host: "gemini" },
  { host: "codex" },
];

const origin = "http://127.0.0.1:8484";
const socket = '/run/user/1000/mcp auth/it\'s "100%" \\ ü 😀.sock';
const accesses: readonly ProxyAccess[] = [
  { origin, token: "LOCAL_TOKEN" },
  { origin: "http://[::1]:8484", token: "~a.b-c_d" },
  { origin, token: "LOCAL_TOKEN", socket },
];
const serverLists: readonly (readonly string[])[] = [
  ["crm"],
  ["crm", "billing", "search"],
  ["9", "A.b", "a_b", "a.b", "a-b", "1e3", "true", "null", "constructor", "x".repeat(200)],
];

async function validatorOf({ host, part = "#" }: Published): Promise<ValidateFunction> {
  const schema = JSON.parse(await readFile(new URL(`schemas/${host}/schema.json`, import.meta.url), "utf8"));
  const options = {
    allErrors: true,
    strict: false,
    formats: { uri: (text: string) => URL.canParse(text), uint64: true, int64: true, double: true } as const,
  };
  const ajv = String(schema.$schema).includes("2020-12") ? new Ajv2020(options) : new Ajv(options);
  ajv.addSchema(schema, "published");
  const validate = ajv.getSchema(`published${part}`);
  if (validate === undefined) throw new Error(`The schema of ${host} has no ${part}.`);
  return validate;
}

/** Returns what the schema says against settings: the pointer and the violated keyword of each violation. */
function violations(validate: ValidateFunction, parts: readonly unknown[]): string[] {
  return parts.flatMap((part) =>
    validate(part)
      ? []
      : (validate.errors ?? []).map(({ instancePath, keyword }) => `${instancePath} ${keyword}`),
  );
}

describe.each(published)("the settings for $host", (source) => {
  const { host, described = (settings) => [settings] } = source;
  const printed = (servers: readonly string[], access: ProxyAccess) =>
    described(parseSettings(host, hostSettings(host, servers, access).text));

  it(`what is printed for ${host} fits its published schema, whatever the servers and the proxy's address`, async () => {
    const validate = await validatorOf(source);
    for (const access of accesses) {
      // VS Code's schema does not know the URL of a socket, which its documentation describes. See the next test.
      if (host === "vscode" && access.socket !== undefined) continue;
      for (const servers of serverLists) {
        expect(violations(validate, printed(servers, access))).toEqual([]);
      }
    }
  });

  it(`the published schema of ${host} rejects settings of another form`, async () => {
    const validate = await validatorOf(source);
    const spoil = (value: unknown): unknown =>
      JSON.parse(JSON.stringify(value).replaceAll(/"(?:url|uri|baseUrl)":"[^"]*"/g, '"url":7'));
    const [access = {}] = accesses;
    expect(violations(validate, printed(["crm"], access))).toEqual([]);
    expect(violations(validate, printed(["crm"], access).map(spoil))).not.toEqual([]);
  });
});

it("the URL of a socket differs from the published schema of VS Code only by its scheme, as the notes say", async () => {
  const validate = await validatorOf({ host: "vscode" });
  for (const servers of serverLists) {
    const { text, notes } = hostSettings("vscode", servers, { socket });
    const settings = parseSettings("vscode", text);
    const ofUrls = violations(validate, [settings]).filter((violation) => violation.includes("/url "));
    expect(ofUrls).toEqual(servers.map((server) => `/servers/${server}/url pattern`));
    expect(violations(validate, [withHttp(settings)])).toEqual([]);
    expect(notes.join("\n")).toContain("its schema knows only http and https");
  }
});

function withHttp(settings: unknown): unknown {
  return JSON.parse(JSON.stringify(settings).replaceAll('"unix:///', '"http://host/'));
}
