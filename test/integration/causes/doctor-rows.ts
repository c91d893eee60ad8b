// Runs every fault through `doctor --try`, and every healthy server through `doctor`.
import { expect } from "vitest";
import { findingsIn } from "../../../src/errors/findings.js";
import { rejectionOf } from "../../support/rejection-of.js";
import { type Diagnosis, diagnose, type ServerDiagnosis, type Step, type TriedChanges } from "../doctor.js";
import { faults, type Fault as TokenFault } from "../faulty-servers.js";
import { fieldOf } from "../run-fault.js";
import { type Fault, runScenario, type Scenario } from "./scenario.js";

/** What the error and `doctor --try` say about one answer of a faulty server. */
export interface Diagnosed {
  /** The ids of the findings in the message of the error, in their order. */
  readonly findings: readonly string[];
  /** The first step that fails. */
  readonly step: string;
  /** The change that works, as the page shows it; absent if none does. */
  readonly works?: string;
  /** How many changes were tried. */
  readonly tried: number;
}

export interface TokenRow {
  readonly title: string;
  /** The finding that names the fault. */
  readonly id: string;
  /** Whether a change of the config or of the secret would repair it. */
  readonly isCorrectable: boolean;
  readonly explained: Diagnosed;
  readonly bare401: Diagnosed;
  readonly bare400: Diagnosed;
}

/** Runs the faults one after the other: they would only wait for each other. */
export async function tokenRows(): Promise<readonly TokenRow[]> {
  const rows: TokenRow[] = [];
  for (const fault of faults) {
    const { title, id, corrected } = fault;
    rows.push({
      ...{ title, id, isCorrectable: corrected !== undefined },
      explained: await diagnosed(fault, "explained"),
      bare401: await diagnosed(fault, 401),
      bare400: await diagnosed(fault, 400),
    });
  }
  return rows;
}

/** `doctor` names the finding that the error names first, and sends no more than nine token requests in all. */
async function diagnosed(fault: TokenFault, answer: "explained" | 401 | 400): Promise<Diagnosed> {
  const servers = await fieldOf(fault, answer === "explained" ? fault.words : answer);
  const findings = findingsIn(await rejectionOf(servers.manager.getAccessToken()));
  const before = servers.tokenRequests().length;
  const { code, server } = await diagnose(servers, ["--try"]);
  const what = `${fault.title}, ${answer}`;
  expect(server.todo?.finding, what).toBe(findings[0]);
  expect(code, what).toBe(3);
  expect(servers.tokenRequests().length - before, what).toBeLessThanOrEqual(9);
  return { findings, step: firstFailure(server.steps)?.step ?? "", ...outcome(server) };
}

function firstFailure(steps: readonly Step[]): Step | undefined {
  return steps.find(({ verdict }) => verdict === "fail");
}

/** The origins of a run are not those of the next one. */
function outcome({ works, tried = [] }: TriedChanges): Pick<Diagnosed, "works" | "tried"> {
  if (works === undefined) return { tried: tried.length };
  const { pointer, remedy, value } = works;
  const name = JSON.stringify(pointer.split("/").at(-1));
  const line = value === undefined ? `no ${name}` : `${name}: ${JSON.stringify(value)}`;
  const shown = line.replace(/http:\/\/127\.0\.0\.1:\d+/, "https://…");
  // Where the secret is read is the same for all of them.
  const short = remedy?.replace(/ in the environment variable.*$/, "");
  return { works: short ?? `\`${shown}\``, tried: tried.length };
}

export interface DoctorCell {
  /** What does not pass: `fail token: configured_endpoint`. */
  readonly blamed: string;
  readonly works?: string;
}

/** Runs `doctor --try` for a fault that a person runs into. It names what the command of the row names. */
export async function doctorCell(fault: Fault): Promise<DoctorCell> {
  const { words, named } = fault;
  const { out, err } = await runScenario({ ...fault, argv: ["doctor", "--json", "--try"] });
  // Without a config, there is only an error.
  const { shared = [], servers = [], todo } = JSON.parse(out) as Partial<Diagnosis>;
  const [server] = servers;
  const steps = [...shared, ...(server?.steps ?? [])];
  const bad = steps.filter(({ verdict }) => verdict === "fail" || verdict === "warn");
  const [first] = bad.toSorted((a, b) => Number(a.verdict === "warn") - Number(b.verdict === "warn"));
  const texts = [first?.message, server?.todo?.text ?? todo?.text, ...(first?.more ?? []), err];
  const printed = texts.filter((text) => text !== undefined && text !== "").join(". ");
  expect(printed, words).toContain(named);
  const { verdict, step, finding, code } = first ?? {};
  const works = server === undefined ? undefined : outcome(server).works;
  return { blamed: `${verdict} ${step}: ${finding ?? code}`, ...(works !== undefined && { works }) };
}

/** Expects that every step passes, or has nothing to do. */
export async function expectNothingBlamed(server: Scenario): Promise<void> {
  const { code, out, err } = await runScenario({ ...server, argv: ["doctor", "--json"] });
  const { ok, shared, servers, todo } = JSON.parse(out) as Diagnosis;
  const steps = [...shared, ...servers.flatMap((each: ServerDiagnosis) => each.steps)];
  const blamed = steps.filter(({ verdict }) => verdict === "fail" || verdict === "warn");
  expect({ code, ok, blamed, todo, err }).toEqual({
    code: 0,
    ok: true,
    blamed: [],
    todo: undefined,
    err: "",
  });
  // A step that another one stops would be skipped.
  expect(steps.map(({ step, verdict }) => `${verdict} ${step}`)).toEqual(
    expect.arrayContaining(["pass token", "pass call"]),
  );
}
