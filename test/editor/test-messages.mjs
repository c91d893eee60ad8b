// What an editor says about a config, and about a word under the pointer.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { inspect } from "node:util";
import { check } from "./check.mjs";
import { asJson, asYaml, openJson, openWithSettings, openYaml, schemaPath } from "./editors.mjs";
import { mistakes, smallest } from "./mistakes.mjs";
import { configs } from "./places.mjs";
import { violationsOf } from "./validator.mjs";

const root = join(import.meta.dirname, "../..");
const editors = {
  "the JSON service": (config) => openJson(asJson(config)),
  "the YAML server 1": (config) => openYaml(asYaml(config), 1),
  "the YAML server 2": (config) => openYaml(asYaml(config), 2),
};

for (const [editor, open] of Object.entries(editors)) {
  await check(`${editor} says nothing about the smallest config`, async () => {
    assert.deepEqual(await open(smallest).messages(), []);
  });
  await check(`${editor} says nothing about the example config`, async () => {
    const example = JSON.parse(await readFile(join(root, "mcp-auth.config.example.json"), "utf8"));
    assert.deepEqual(await open({ ...example, $schema: schemaPath }).messages(), []);
  });
  await check(`${editor} says nothing about configs with all kinds of grants and references`, async () => {
    for (const config of configs) {
      assert.deepEqual(await open({ $schema: schemaPath, ...config }).messages(), [], asJson(config));
      assert.deepEqual(await violationsOf(config), [], asJson(config));
    }
  });
  for (const [mistake, config, expected] of mistakes) {
    await check(`${editor} says what to write: ${mistake}`, async () => {
      const found = await open(config).messages();
      assert.equal(found.length, expected.length, inspect(found));
      for (const [index, [at, message]] of expected.entries()) {
        const { marked, text } = found[index];
        if (at instanceof RegExp) assert.match(`${marked}`, at);
        else assert.equal(marked.replaceAll(/^"([^"]*)"$/g, "$1"), at.replaceAll(/^"([^"]*)"$/g, "$1"));
        if (message instanceof RegExp) assert.match(text, message);
        else assert.equal(text, message);
      }
    });
  }
}
await check("comments and trailing commas are allowed in mcp-auth.config.json", async () => {
  const text = asJson(smallest).replace("{", "{ // The servers.").replace(/\}$/, ",}");
  assert.deepEqual(await openJson(text).messages(), []);
});

const described = [
  ["url", '"ur|l"', "ur|l:", "The URL of the MCP server"],
  ["secret", '"secr|et"', "secr|et:", "The client secret."],
];
for (const [name, inJson, inYaml, description] of described) {
  await check(`the JSON service shows the description of ${name}`, async () => {
    assert.ok((await openJson(asJson(smallest)).hover(inJson)).includes(description));
  });
  for (const version of [1, 2]) {
    await check(`the YAML server ${version} shows the description of ${name}`, async () => {
      const shown = await openYaml(asYaml(smallest), version).hover(inYaml);
      assert.ok(shown.includes(description), shown);
    });
  }
}

const page = await readFile(join(root, "docs/config.md"), "utf8");
await check("docs/config.md shows the lines of a config that the tests use", () => {
  for (const line of [`"$schema": "${schemaPath}"`, `# yaml-language-server: $schema=${schemaPath}`])
    assert.ok(page.includes(line), line);
});

const settings = JSON.parse(/<!-- test: editor settings -->\n```json\n([\s\S]*?)```/.exec(page)[1]);
const misspelled = { servers: {}, stor: {} };
for (const [language, version] of [["json"], ["yaml", 1], ["yaml", 2]]) {
  await check(
    `the settings of docs/config.md need no line in the config: ${language} ${version ?? ""}`,
    async () => {
      const text = language === "json" ? asJson(misspelled) : "servers: {}\nstor: {}\n";
      const [{ marked, text: message }] = await openWithSettings(
        settings,
        text,
        language,
        version,
      ).messages();
      assert.match(marked, /stor/);
      assert.match(message, /^Unknown property/);
    },
  );
}
