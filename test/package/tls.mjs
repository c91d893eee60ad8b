// Checks that the installed package sends a secret only to a verified TLS server, whatever the process is set to.
import { readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:https";
import { join } from "node:path";
import { transform } from "esbuild";
import { run } from "../../scripts/run.mjs";

/**
 * @param {{ root: string, project: string }} place
 * @param {(title: string, holds: boolean, explanation?: string) => boolean} verdict
 */
export async function verifiesServers({ root, project }, verdict) {
  const { createAuthority } = await testModule(join(root, "test/support/certificates.ts"));
  const authority = await createAuthority();
  const ca = join(project, "ca.pem");
  await writeFile(ca, authority.certificate);
  const { certificate, privateKey } = await authority.issue({ hosts: ["127.0.0.1"] });
  const seen = [];
  const server = createServer({ cert: certificate, key: privateKey }, (request, response) => {
    seen.push(request.url);
    const issuer = `https://${request.headers.host}`;
    const answers = {
      "/.well-known/oauth-authorization-server": { issuer, token_endpoint: `${issuer}/token` },
      "/token": { access_token: "token-over-tls", token_type: "Bearer", expires_in: 60 },
    };
    const answer = answers[request.url];
    response.writeHead(answer ? 200 : 404, { "content-type": "application/json" });
    response.end(JSON.stringify(answer ?? {}));
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const issuer = `https://127.0.0.1:${server.address().port}`;
  const client = { issuer, id: "crm-agent", secret: { env: "CRM_SECRET" } };
  const servers = { crm: { url: `${issuer}/mcp`, grant: { client } } };

  const env = { CRM_SECRET: "a-secret", NODE_TLS_REJECT_UNAUTHORIZED: "0" };
  const token = async (name, config) => {
    await writeFile(join(project, name), JSON.stringify(config));
    const command = join(project, "node_modules/.bin/mcp-auth-runtime");
    return await run(command, ["token", "crm", "--config", name], { cwd: project, env });
  };
  const refused = await token("untrusting.config.json", { servers });
  const isRefused = refused.code === 4 && seen.length === 0 && refused.output.includes("TLS");
  verdict("the package sends nothing to a server that cannot be verified", isRefused, refused.output);
  const trusted = await token("trusting.config.json", { servers, network: { ca } });
  const isToken = trusted.code === 0 && trusted.stdout.trim() === "token-over-tls";
  verdict("the package gets a token from a server that can be verified", isToken, trusted.output);
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
}

/** Imports a TypeScript module of the tests. */
export async function testModule(path) {
  const { code } = await transform(await readFile(path, "utf8"), { loader: "ts", format: "esm" });
  return await import(`data:text/javascript,${encodeURIComponent(code)}`);
}
