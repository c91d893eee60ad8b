import { checkClient } from "./check-client.js";
import { createCheckContext, entries, type Findings } from "./check-context.js";
import { checkNetwork, insecureHostsOf } from "./check-network.js";
import { checkLeaves, checkServer } from "./check-server.js";
import { checkStore } from "./check-store.js";
import { type Json, type Path, property } from "./source-document.js";

interface MeaningOptions {
  /** The config without the values of its variables. */
  readonly written: Json;
  /** Says of a place that its `${…}` is not filled in. */
  readonly isOpen: (path: Path) => boolean;
  /** A store was given in code, in place of that of the config. */
  readonly hasStore: boolean;
}

/**
 * What a schema cannot say. Takes a config that the schema may have found fault with, and passes over what is not
 * of the right type.
 */
export async function checkMeaning(
  config: Json,
  { written, isOpen, hasStore }: MeaningOptions,
): Promise<Readonly<Findings>> {
  const findings: Findings = { mistakes: [], insecure: [] };
  const insecureHosts = insecureHostsOf(config, isOpen);
  const context = createCheckContext({ config, isOpen, insecureHosts }, findings);

  checkNetwork(config, written, context);
  checkStore(config, hasStore, context);
  const defaults = property(config, "defaults");
  await checkLeaves(defaults, ["defaults"], undefined, context);
  for (const [name, client] of entries(property(config, "clients"))) {
    checkClient(client, ["clients", name], context);
  }
  for (const [name, server] of entries(property(config, "servers"))) {
    await checkServer(server, ["servers", name], defaults, context);
  }
  return findings;
}
