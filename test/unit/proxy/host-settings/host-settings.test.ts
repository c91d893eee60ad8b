import { describe, expect, it, test } from "vitest";
import { hostNames, hostSettings } from "../../../../src/proxy/host-settings/host-settings.js";
import { namesInHost } from "../../../../src/proxy/host-settings/names.js";
import { parseSettings } from "./parse-settings.js";

const origin = "http://127.0.0.1:8484";
const token = "LOCAL_TOKEN";
const socket = "/run/user/1000/mcp-auth/proxy.sock";
const usesSocket = ["vscode", "goose"];

test("the hosts are those of the documentation, in its order", () => {
  expect(hostNames).toEqual([
    "vscode",
    "cursor",
    "claude-code",
    "opencode",
    "openclaw",
    "mcporter",
    "goose",
    "gemini",
    "codex",
    "zed",
  ]);
});

describe.each(hostNames)("the settings for %s", (host) => {
  it(`the local token is in the settings for ${host} only where a warning says so`, () => {
    for (const access of [
      { origin, token },
      { origin, token, socket },
    ]) {
      const { text, notes } = hostSettings(host, ["crm"], access);
      const warned = notes.some((note) => note.includes("contain the proxy's local token"));
      expect(warned).toBe(text.includes(token));
      expect(notes.join("\n")).not.toContain(token);
    }
  });

  it(`a unix socket is enough for ${host} only if it can use one`, () => {
    if (usesSocket.includes(host)) {
      expect(hostSettings(host, ["crm"], { socket }).text).not.toContain("LOCAL_TOKEN");
      return;
    }
    expect(() => hostSettings(host, ["crm"], { socket })).toThrow(
      expect.objectContaining({
        code: "config_invalid",
        message: expect.stringMatching(/ cannot use a unix socket, .* Start the proxy with a port\.$/),
      }),
    );
  });

  it(`settings for ${host} are refused if the proxy listens nowhere`, () => {
    expect(() => hostSettings(host, ["crm"], {})).toThrow(
      expect.objectContaining({ code: "config_invalid" }),
    );
  });

  it(`every note for ${host} is one line, and one of them names a file`, () => {
    const { notes } = hostSettings(host, ["a.b_c"], { origin, token });
    expect(notes.filter((note) => /[\r\n]/.test(note) || !/[.]$/.test(note))).toEqual([]);
    expect(notes[0]).toMatch(/[\w-]+\.(?:json|yaml|toml)\b/);
  });
});

test.each([undefined, "", "a b", "a/b", "${HOME}", "a%2fb", "a\nb"])(
  "the token %j is refused, because a host could change it, and the message does not contain it",
  (odd) => {
    const access = odd === undefined ? { origin } : { origin, token: odd };
    const attempt = () => hostSettings("zed", ["crm"], access);
    expect(attempt).toThrow(expect.objectContaining({ code: "config_invalid" }));
    if (odd !== undefined && odd !== "") expect(attempt).not.toThrow(odd);
  },
);

test.each([
  ["codex", '"a.b" is "a_b"'],
  ["claude-code", '"a.b" is "a_b"'],
  ["goose", '"a.b" is "a_b", "CRM" is "crm"'],
  ["gemini", '"x_y" is "x-y"'],
] as const)("a note for %s says which servers have another name there", (host, said) => {
  const { notes } = hostSettings(host, ["a.b", "CRM", "x_y"], { origin, token });
  expect(notes.filter((note) => note.includes(said))).toHaveLength(1);
  const { notes: none } = hostSettings(host, ["a-b"], { origin, token });
  expect(none.join("\n")).not.toContain("a-b");
});

test("a server that needs no other name keeps its own, and the others get a number", () => {
  const { text } = hostSettings("codex", ["a.b", "a_b", "a_b-2"], { origin, token });
  // The settings have this shape.
  const { mcp_servers } = parseSettings("codex", text) as { mcp_servers: Record<string, { url: string }> };
  expect(Object.entries(mcp_servers).map(([name, { url }]) => [name, url])).toEqual([
    ["a_b-3", `${origin}/a.b`],
    ["a_b", `${origin}/a_b`],
    ["a_b-2", `${origin}/a_b-2`],
  ]);
  expect(namesInHost(["A", "b"], undefined)).toEqual(
    new Map([
      ["A", "A"],
      ["b", "b"],
    ]),
  );
});
