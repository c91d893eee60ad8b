import { checkAssertionAudiences } from "./check-assertion-audience.js";
import { checkClient } from "./check-client.js";
import { createCheckContext, type Findings, runSlowChecks } from "./check-context.js";
import { checkNetwork, insecureHostsOf } from "./check-network.js";
import { checkProxy } from "./check-proxy.js";
import { checkServer, checkServerDefaults } from "./check-server.js";
import { checkStore } from "./check-store.js";
import { entries, type Json, type Path, property } from "./json.js";

interface SemanticOptions {
  /** The config as in the file, without the values of its variables. */
  readonly source: Json;
  /** Whether the string at a path has a `${…}` without a value. */
  readonly isUnresolved: (path: Path) => boolean;
  /** Whether a store given in code replaces that of the config. */
  readonly hasStore: boolean;
}

/**
 * Checks what a schema cannot express: names that refer to each other, URLs, cron expressions, combinations. The config
 * may have mistakes that the schema reports; values of the wrong type are skipped.
 */
export async function semanticChecks(
  config: Json,
  { source, isUnresolved, hasStore }: SemanticOptions,
): Promise<Readonly<Findings>> {
  const findings: Findings = { mistakes: [], insecureUrls: [], slowChecks: new Map() };
  const insecureHosts = insecureHostsOf(config, isUnresolved);
  const context = createCheckContext({ config, source, isUnresolved, insecureHosts }, findings);

  checkNetwork(config, source, context);
  checkProxy(config, context);
  checkStore(config, hasStore, context);
  const shared = property(config, "defaults");
  checkServerDefaults(shared, context);
  for (const [name, client] of entries(property(config, "clients"))) {
    checkClient(client, ["clients", name], context);
  }
  for (const [name, server] of entries(property(config, "servers"))) {
    checkServer(server, ["servers", name], shared, context);
  }
  checkAssertionAudiences(config, context);
  await runSlowChecks(findings);
  return findings;
}
