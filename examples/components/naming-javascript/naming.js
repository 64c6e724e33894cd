// Names log groups, log streams and objects the way a platform team does for many others: each team has a log group and
// a key prefix, found by how a DAG's id begins; errors have log streams of their own, so that an alarm can watch them;
// keys stand below the day of the run, so that old days can expire; and debug goes nowhere. Build it with
// `node examples/components/naming-javascript/build.js naming.wasm`, once `cargo xtask setup` has run, and name it in a
// pipeline as `routes: {naming: {type: wasm, component: ./naming.wasm, config: {teams: {sales: crm}}}}` and
// `route: naming` in a sink.

import { Severity, host } from "../../../guest/javascript/updraft-guest.js";

const NOBODY = "unowned";
const DAY = /\d{4}-\d\d-\d\d/;

/** Config: `teams`, from how the ids of a team's DAGs begin to its name. */
export class Naming {
  constructor({ teams = {} }) {
    // Longest first: `sales_eu` says more than `sales`.
    this.teams = Object.entries(teams).sort(([one], [other]) => other.length - one.length);
  }

  route({ task }, label, _sink, standard) {
    if (label === "debug") {
      return null;
    }
    if (task === undefined) {
      // The scheduler's own logs and the like stay where the sink has them.
      return standard;
    }
    const team = this.team(task.dagId);
    if ("key" in standard) {
      const [day] = DAY.exec(task.runId) ?? ["no-day"];
      return { key: `${team}/${day}/${standard.key}` };
    }
    return { group: `/airflow/${team}`, name: label === "errors" ? `${standard.name}/errors` : standard.name };
  }

  /** The team whose DAG it is. */
  team(dagId) {
    const found = this.teams.find(([prefix]) => dagId.startsWith(prefix));
    if (found === undefined) {
      host.log(Severity.WARNING, `DAG ${dagId} is of no team`);
      host.count("unowned");
      return NOBODY;
    }
    return found[1];
  }
}
