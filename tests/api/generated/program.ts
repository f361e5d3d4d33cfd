// Compiled against the types that openapi-typescript makes of the server's own document.
import type { components, operations, paths } from "./api";

type Schemas = components["schemas"];
type Answer<Path extends keyof paths> = paths[Path] extends {
  post: { responses: { 200: { content: { "application/json": infer Body } } } };
}
  ? Body
  : never;

// What has a default, or may be left out, is left out.
const session: Schemas["CreateSessionRequest"] = {};
const message: Schemas["RunRequest"] = { message: "Which database did we choose?" };
const entity: Schemas["EntityCreate"] = { key: "a/b.py", kind: "path", value: "v" };
const cluster: Schemas["ClusterCreate"] = { name: "Support team" };
const asked: operations["get_context"]["parameters"]["query"] = { session_id: "alice" };
const key: operations["delete_entity"]["parameters"]["query"] = { key: "../../a" };

// What may be null may be null.
const whole: Schemas["RunRequest"] = {
  message: "a",
  session_id: null,
  response: null,
  message_embedding: [0.1, 0.2],
  learn: false,
};

// @ts-expect-error what is required cannot be left out
const empty: Schemas["RunRequest"] = {};
// @ts-expect-error what no schema names is refused
const misspelt: Schemas["RunRequest"] = { message: "a", metdata: {} };
// @ts-expect-error a level is one of four
const level: Schemas["IsolationRequest"] = { level: "SHUT" };

export function shown(run: Answer<"/v1/run">, context: Answer<"/v1/state/context">): string {
  const withheld: string | null = run.withheld_by;
  const [first] = context.context;
  return `${run.context} ${run.drift_score.toFixed(2)} ${withheld ?? ""} ${first?.text ?? ""}`;
}

export { asked, cluster, empty, entity, key, level, message, misspelt, session, whole };
