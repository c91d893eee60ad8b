// Puts the status page of the proxy into one module: page.html with the style and the program, and the policy that allows
// only these.
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { build } from "esbuild";

/** The folder of its sources, and the module. */
export const pageSources = "src/proxy/status/page";
export const pageModule = "src/proxy/status/generated/page.ts";

/**
 * @param {string} root the folder of the project
 * @returns {Promise<string>} the text of the module
 */
export async function statusPageModule(root) {
  const [style, program] = await Promise.all(["page.css", "main.ts"].map((name) => bundled(root, name)));
  const template = await readFile(join(root, pageSources, "page.html"), "utf8");
  const html = [
    ["<style></style>", `<style>${style}</style>`],
    ["<script></script>", `<script>${program}</script>`],
  ].reduce(
    (text, [place, content]) => {
      const parts = text.split(place);
      if (parts.length !== 2) throw new Error(`page.html must contain ${place} once.`);
      return parts.join(content);
    },
    template.replaceAll(/^ +/gm, ""),
  );
  const policy = [
    "default-src 'none'",
    `script-src '${hashOf(program)}'`,
    `style-src '${hashOf(style)}'`,
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
  ].join("; ");
  return [
    "// Generated from src/proxy/status/page by scripts/generate.mjs. Do not edit.",
    `export const contentSecurityPolicy = ${JSON.stringify(policy)};`,
    `export const html = ${JSON.stringify(html)};`,
    "",
  ].join("\n");
}

async function bundled(root, name) {
  const { outputFiles } = await build({
    entryPoints: [join(root, pageSources, name)],
    absWorkingDir: root,
    bundle: true,
    format: "iife",
    target: ["chrome123", "firefox121", "safari17.2"],
    charset: "utf8",
    minify: true,
    write: false,
  });
  const text = outputFiles[0].text.trim();
  if (/<\/(?:script|style)/i.test(text)) throw new Error(`${name} would end its element.`);
  return text;
}

function hashOf(text) {
  return `sha256-${createHash("sha256").update(text).digest("base64")}`;
}
