// Gives each team a log group and a folder of its own, by how its DAGs' ids begin, and sends debug nowhere.

/** The component. Its config: `teams`, from the beginning of a DAG's id to the name of a team. */
export class Teams {
  constructor({ teams }) {
    const pairs = typeof teams === "object" && teams !== null ? Object.entries(teams) : undefined;
    if (!pairs?.every(([, team]) => typeof team === "string")) {
      throw new TypeError('its config must name `teams`, such as {"etl": "data-platform"}');
    }
    // Longest first: `etl_orders` says more than `etl`.
    this.teams = pairs.sort(([one], [other]) => other.length - one.length);
  }

  route(origin, label, _sink, standard) {
    // So a transform of the pipeline may have labelled it.
    if (label === "debug") {
      return null;
    }
    const dagId = origin.task?.dagId ?? "";
    const [, team] = this.teams.find(([prefix]) => dagId.startsWith(prefix)) ?? [];
    if (team === undefined) {
      return standard;
    }
    if ("key" in standard) {
      return { key: `${team}/${standard.key}` };
    }
    return { group: `/airflow/${team}`, name: standard.name };
  }
}
