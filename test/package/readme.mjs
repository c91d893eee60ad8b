// Follows the README in an empty folder: saves its files, runs its commands, and compares what they write. Only the
// name of the package is replaced, by the packed tarball, and the URLs of the example, by those of real servers.
import { generateKeyPairSync } from "node:crypto";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { startServers } from "../../examples/demo/server-process.mjs";
import { run } from "../../scripts/run.mjs";

const secret = "a-secret-that-only-the-environment-knows";

/**
 * @param {{ root: string, folder: string, tarball: string }} place `folder` must not exist yet
 * @param {(title: string, holds: boolean, explanation?: string) => boolean} verdict
 */
export async function followReadme({ root, folder, tarball }, verdict) {
  const steps = stepsOf(await readFile(join(root, "README.md"), "utf8"));
  verdict("the README has commands and files", steps.length >= 4, JSON.stringify(steps));
  await mkdir(folder);
  const { publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const servers = startServers(secret, publicKey.export({ format: "jwk" }));
  try {
    const { issuer, crmUrl } = await servers.addresses();
    const env = { CRM_SECRET: secret };
    const withServers = (text) =>
      text.replaceAll("https://crm.example/mcp", crmUrl).replaceAll("https://auth.example", issuer);
    for (const step of steps) {
      const text = withServers(step.text);
      if (step.kind === "file") {
        await writeFile(join(folder, step.file), text);
        continue;
      }
      if (step.kind === "shows") {
        const written = await readFile(join(folder, step.file), "utf8");
        verdict(`${step.file} is as the README shows it`, written.trimEnd() === text, written);
        continue;
      }
      for (const command of step.text.split("\n")) {
        const actual = withServers(command).replace(/^(npm install) mcp-auth-runtime\b/, `$1 ${tarball}`);
        const { code, stdout, output } = await run("sh", ["-c", actual], { cwd: folder, env });
        const holds = code === 0 && expected(command).test(stdout);
        verdict(
          `the README's command \`${command}\` works as described`,
          holds,
          `exit code ${code}\n${output}`,
        );
      }
    }
    const { issued } = await servers.count();
    verdict(
      "the authorization server has issued one token for each command that needs one",
      issued["crm-agent"] === 4,
    );
  } finally {
    await servers.stop();
  }
}

/** Returns what a command must print. */
function expected(command) {
  if (command.includes(" token ")) return /^[\w-]+\.[\w-]+\.[\w-]+\n$/;
  if (command.includes(" init ")) return /Wrote mcp-auth\.config\.json: crm/;
  if (command.includes(" doctor ")) return /^pass {2}call .*accepted, 2 tools/m;
  if (command.startsWith("node ")) return /^list_customers$/m;
  return /^/;
}

/** Returns the blocks below `<!-- test: run -->`, `<!-- test: file NAME -->` and `<!-- test: shows NAME -->`, in order. */
function stepsOf(markdown) {
  const blocks = markdown.matchAll(/^<!-- test: (run|file|shows)(?: (\S+))? -->\n```\w+\n([\s\S]*?)^```$/gm);
  return [...blocks].map(([, kind, file, text]) => ({ kind, file, text: text.trimEnd() }));
}
