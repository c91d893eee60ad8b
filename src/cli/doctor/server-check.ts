import type { Finding } from "../../diagnosis/finding.js";
import type { AuthorizationServerMetadata, ResourceMetadata } from "../../discovery/metadata.js";
import type { InspectedServer } from "../../runtime/inspection.js";
import type { Token } from "../../tokens/token.js";
import type { CommandIo } from "../io.js";
import type { Outcome } from "./outcome.js";

/** What the steps of one server have learned so far. Each step adds what it is about. */
export interface Learned {
  authorizationServer?: AuthorizationServerMetadata;
  resource?: ResourceMetadata;
  token?: Token;
  /** What is suspicious about the token. It explains why the server refuses it. */
  suspicion?: Finding;
}

/** One server of the config while its steps run, one after the other. */
export interface ServerCheck {
  readonly server: InspectedServer;
  readonly env: CommandIo["env"];
  readonly learned: Learned;
}

type Reasons = Partial<Readonly<Record<ServerStepName, string>>>;

/** A step of the check of a server. */
export interface ServerStep {
  readonly name: ServerStepName;
  /** The earlier steps without which this one cannot run, each with the reason to skip it in a few words. */
  readonly needs?: Reasons;
  /** The earlier steps that stop this one if they fail, but not if they could not run. */
  readonly stoppedBy?: Reasons;
  /** Rejects with `McpAuthError`, which is a failure of the step. */
  readonly run: (check: ServerCheck, signal: AbortSignal) => Promise<Outcome>;
  /** Returns the result of this step again, after all steps have run. */
  readonly reconsider?: (result: StepResult, all: readonly StepResult[]) => StepResult;
}

export type ServerStepName =
  | "config"
  | "secrets"
  | "key"
  | "server"
  | "resource metadata"
  | "issuer metadata"
  | "capability"
  | "clock"
  | "token"
  | "claims"
  | "call";

export type SharedStepName = "config" | "store";

/** A step that has run, or was skipped. */
export interface StepResult extends Outcome {
  readonly step: ServerStepName | SharedStepName;
  /** Milliseconds. */
  readonly ms: number;
}
