// Opens a text as VS Code does: with its JSON service, or with the YAML language server of Red Hat's extension.
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import jsonService from "vscode-json-languageservice";
import { stringify } from "yaml";
import { getLanguageService as yamlService2 } from "yaml-language-server";

const require = createRequire(import.meta.url);
const { getLanguageService: yamlService1 } = require("yaml-language-server-1");
const { TextDocument, ClientCapabilities } = jsonService;

const schemaFile = join(import.meta.dirname, "../../schema/mcp-auth.schema.json");
const schemaText = await readFile(schemaFile, "utf8");
export const schema = JSON.parse(schemaText);
const folder = "file:///project/";
/** What the first line of a config names, from a project that has installed the package. */
export const schemaPath = "./node_modules/mcp-auth-runtime/schema/mcp-auth.schema.json";

const host = {
  schemaRequestService: async (url) => {
    if (url === new URL(schemaPath, folder).href) return schemaText;
    throw new Error(`An editor asked for ${url}.`);
  },
  workspaceContext: { resolveRelativePath: (path, resource) => new URL(path, resource).href },
};

function startJson(schemas) {
  const service = jsonService.getLanguageService({ ...host, clientCapabilities: ClientCapabilities.LATEST });
  service.configure({ validate: true, allowComments: false, schemas });
  return service;
}

const json = startJson([]);

export function openJson(text, service = json) {
  const document = TextDocument.create(`${folder}mcp-auth.config.json`, "json", 1, text);
  const parsed = service.parseJSONDocument(document);
  // What VS Code passes for a file that ends in .json.
  const settings = { comments: "error", trailingCommas: "error" };
  return opened(document, {
    validate: () => service.doValidation(document, parsed, settings),
    complete: (position) => service.doComplete(document, position, parsed),
    hover: (position) => service.doHover(document, position, parsed),
  });
}

let edits = 0;
const yamlServices = { 1: yamlService1, 2: yamlService2 };
const yaml = Object.fromEntries(
  Object.entries(yamlServices).map(([version, getLanguageService]) => [
    version,
    startYaml(getLanguageService, []),
  ]),
);

/** Opens a text in a project with these settings. */
export function openWithSettings(settings, text, language, version) {
  const resolved = (path) => new URL(path, folder).href;
  if (language === "json") {
    return openJson(
      text,
      startJson(settings["json.schemas"].map(({ url, fileMatch }) => ({ uri: resolved(url), fileMatch }))),
    );
  }
  const schemas = Object.entries(settings["yaml.schemas"]).map(([url, fileMatch]) => ({
    uri: resolved(url),
    fileMatch,
  }));
  return openYaml(text, version, startYaml(yamlServices[version], schemas));
}

function startYaml(getLanguageService, schemas) {
  const service = getLanguageService({
    ...host,
    clientCapabilities: ClientCapabilities.LATEST,
    yamlSettings: { documents: { get: () => undefined }, schemaStoreSettings: [] },
    telemetry: {
      sendError: (name, error) => {
        throw new Error(name, { cause: error });
      },
      send() {},
      sendTrack() {},
    },
  });
  // The defaults of the extension, without the catalog of schemas, which it downloads.
  service.configure({
    validate: true,
    hover: true,
    completion: true,
    format: true,
    indentation: "  ",
    schemas,
  });
  return service;
}

/** @param {1 | 2} version The major version of the language server. */
export function openYaml(text, version, service = yaml[version]) {
  // The server keeps what it parsed by the number of the edit.
  edits += 1;
  const document = TextDocument.create(`${folder}mcp-auth.config.yaml`, "yaml", edits, text);
  return opened(document, {
    validate: () => service.doValidation(document, false),
    complete: (position) => service.doComplete(document, position, false),
    hover: (position) => service.doHover(document, position),
  });
}

function opened(document, { validate, complete, hover }) {
  const text = document.getText();
  /** The position of `|` in a text that is in the document once, such as `"url|"`. */
  const find = (marked) => {
    const [before] = marked.split("|");
    const at = text.indexOf(marked.replace("|", ""));
    if (at === -1) throw new Error(`${marked} is not in the document.`);
    return document.positionAt(at + before.length);
  };
  return {
    /** The messages in the order of the text, each with what is underlined. */
    async messages() {
      const all = (await validate()).map(({ range, message }) => {
        return { offset: document.offsetAt(range.start), marked: document.getText(range), text: message };
      });
      return all.sort((one, other) => one.offset - other.offset);
    },
    completions: async (at) =>
      (await complete(typeof at === "string" ? find(at) : document.positionAt(at))).items,
    async hover(at) {
      const found = await hover(find(at));
      const contents = [found?.contents].flat().map((each) => each?.value ?? each ?? "");
      return contents.join("\n");
    },
    offsetOf: (position) => document.offsetAt(position),
  };
}

const modeline = `# yaml-language-server: $schema=${schemaPath}\n`;
export const asJson = (config) => JSON.stringify(config, null, 2);
export const asYaml = ({ $schema: _, ...config }) =>
  modeline + stringify(config, { defaultStringType: "QUOTE_DOUBLE", defaultKeyType: "PLAIN" });
