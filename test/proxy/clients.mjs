// Hosts in other languages, which know nothing of OAuth: a program with the standard library of each language.
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { run } from "../../scripts/run.mjs";

const here = import.meta.dirname;

/** How to run each program, and the Debian package that it needs. */
export const languages = {
  Python: { command: "python3", args: [join(here, "client.py")], version: ["--version"], debian: "python3" },
  Go: { command: "go", args: ["run", join(here, "client.go")], version: ["version"], debian: "golang-go" },
};

/**
 * Fails if the language is not installed.
 *
 * @param {keyof typeof languages} language
 * @param {import("./servers.mjs").Servers} servers
 * @param {string} url of the server `tools` at the proxy
 */
export async function testLanguage(language, servers, url) {
  const { command, args, version, debian } = languages[language];
  const installed = await run(command, version);
  assert.equal(installed.code, 0, `This test needs ${command}. On Debian, run: apt-get install ${debian}`);
  console.log(installed.output.trim());
  // The program must not notice that the first token no longer works.
  servers.revoke();
  const cache = await mkdtemp(join(tmpdir(), "proxy-clients-"));
  try {
    // Go's own settings may name a proxy, a module or a version that is not there.
    const env = { PATH: process.env.PATH, HOME: cache, GOCACHE: cache, GO111MODULE: "off", PYTHONUTF8: "1" };
    const { code, stdout, output } = await run(command, [...args, url], { env });
    assert.equal(code, 0, output);
    assert.deepEqual(JSON.parse(stdout), {
      server: "tools",
      accepted: 202,
      tools: ["echo"],
      texts: ["naïve call 3", "naïve call 4"],
      unknown: 404,
      error: "unknown_server",
    });
  } finally {
    await rm(cache, { recursive: true, force: true });
  }
}
