// Follows the README in an empty folder: saves its files and runs its commands. Only the name of the package is
// replaced, by the packed tarball.
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
    const env = { CRM_URL: crmUrl, CRM_ISSUER: issuer, CRM_SECRET: secret };
    for (const step of steps) {
      if (step.file !== undefined) {
        await writeFile(join(folder, step.file), step.text);
        continue;
      }
      for (const command of step.text.split("\n")) {
        const actual = command.replace(/^(npm install) mcp-auth-runtime\b/, `$1 ${tarball}`);
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
      issued["crm-agent"] === 3,
    );
  } finally {
    await servers.stop();
  }
}

/** Returns what a command must print. */
function expected(command) {
  if (command.includes(" token ")) return /^[\w-]+\.[\w-]+\.[\w-]+\n$/;
  if (command.includes(" validate ")) return /no mistakes, 1 server/;
  if (command.startsWith("node ")) return /^list_customers$/m;
  return /^/;
}

/** Returns the blocks below `<!-- test: run -->` and `<!-- test: file NAME -->`, in order. */
function stepsOf(markdown) {
  const blocks = markdown.matchAll(/^<!-- test: (run|file (\S+)) -->\n```\w+\n([\s\S]*?)^```$/gm);
  return [...blocks].map(([, , file, text]) => ({ file, text: text.trimEnd() }));
}
