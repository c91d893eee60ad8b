import { chmod, mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { temporaryFolder } from "../../support/temporary-folder.js";

/** Creates a folder with these files, and deletes it when the test ends. With `git`, a search does not leave it. */
export async function folder(files: Readonly<Record<string, string>> = {}, git = true): Promise<string> {
  const root = await temporaryFolder();
  if (git) await mkdir(join(root, ".git"));
  for (const [name, content] of Object.entries(files)) {
    const file = join(root, name);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, content);
    await chmod(file, 0o644);
  }
  return root;
}

export const client = {
  issuer: "https://auth.example",
  id: "crm-agent",
  secret: { env: "CRM_SECRET" },
};

/** The smallest config in the documentation. */
export const smallest = {
  servers: { crm: { url: "https://crm.example/mcp", grant: { client } } },
};
