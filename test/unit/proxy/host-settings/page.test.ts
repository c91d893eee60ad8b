import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import {
  hostNames,
  hostSettings,
  type ProxyAccess,
} from "../../../../src/proxy/host-settings/host-settings.js";
import { snippets } from "../../../support/snippets.js";

const root = new URL("../../../../", import.meta.url);
const document = "docs/proxy-hosts.md";
const page = readFileSync(new URL(document, root), "utf8");

const tcp: ProxyAccess = { origin: "http://127.0.0.1:8484", token: "LOCAL_TOKEN" };
const socket: ProxyAccess = { socket: "/run/user/1000/mcp-auth/proxy.sock" };

// In the order of the page. VS Code and goose can use a socket.
const shown = hostNames.flatMap((host) => [
  ...(["vscode", "goose"].includes(host) ? [{ host, way: "socket", access: socket }] : []),
  { host, way: "tcp", access: tcp },
]);

test("docs/proxy-hosts.md shows for each host what is printed for the example", () => {
  const found = snippets(root, document).flatMap(({ mark, code }) =>
    mark === undefined ? [] : [{ mark, code }],
  );
  const printed = shown.map(({ host, way, access }) => ({
    mark: `${host} ${way}`,
    code: hostSettings(host, ["crm"], access).text,
  }));
  expect(found).toEqual(printed);
});

test.each([
  ["vscode", "socket", socket],
  ["cursor", "tcp", tcp],
  ["goose", "socket", socket],
  ["zed", "tcp", tcp],
] as const)("docs/hosts/%s.md shows what is printed for the example", (host, way, access) => {
  const found = snippets(root, `docs/hosts/${host}.md`).flatMap(({ mark, code }) =>
    mark === undefined ? [] : [{ mark, code }],
  );
  expect(found).toEqual([{ mark: `${host} ${way}`, code: hostSettings(host, ["crm"], access).text }]);
});

test("docs/proxy-hosts.md names the files and variables that the notes of each host name", () => {
  // One section for each host, after the introduction.
  const sections = page.split(/^## /m).slice(1);
  expect(sections).toHaveLength(hostNames.length);
  for (const [index, host] of hostNames.entries()) {
    const notes = hostSettings(host, ["crm"], tcp).notes.join(" ");
    const names = notes.match(/[~.%]?[\w./\\%-]+\.(?:json|yaml|toml)|\$?\{[\w:-]+\}/g) ?? [];
    expect(names.length).toBeGreaterThan(0);
    expect([host, names.filter((name) => !sections[index]?.includes(name))]).toEqual([host, []]);
  }
});
