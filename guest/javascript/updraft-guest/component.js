// What makes a component of a class that has one of the three roles.

import { EventSet } from "./edit.js";
import { connect } from "./host.js";
import { Events, Lines } from "./normalize.js";

/** Runs a normalizer on a batch: how many lines it used (all, if it says nothing), and the events as columns. */
export function runNormalizer(normalizer, origin, lines) {
  const events = new Events(lines);
  const consumed = normalizer.normalize(origin, lines, events) ?? lines.length;
  return { consumed, events: events.finish() };
}

/** Runs a transformer on a batch. The arena of what comes back holds only what it added. */
export function runTransformer(transformer, origin, bytes, columns) {
  const events = new EventSet(bytes, columns);
  transformer.transform(origin, events);
  return events.finish();
}

/** The exports of a component that turns lines into events. */
export function exportNormalizer(Component, host) {
  const { lifecycle, call } = instance(Component, host);
  const process = (origin, { bytes, ends, last }) =>
    call((component) => runNormalizer(component, origin, new Lines(bytes, ends, last)));
  return { lifecycle, normalize: { process } };
}

/** The exports of a component that changes events. */
export function exportTransformer(Component, host) {
  const { lifecycle, call } = instance(Component, host);
  const process = (origin, bytes, events) => call((component) => runTransformer(component, origin, bytes, events));
  return { lifecycle, transform: { process } };
}

/** The exports of a component that names log groups, streams and objects. */
export function exportRouter(Component, host) {
  const { lifecycle, call } = instance(Component, host);
  const route = (origin, label, sink, standard) =>
    call((component) => {
      const given = standard.tag === "object-key" ? { key: standard.val } : { ...standard.val };
      return target(component.route(origin, label, sink, given));
    });
  return { lifecycle, route: { route } };
}

function target(answer) {
  if (answer === undefined || answer === null) {
    return undefined;
  }
  const { key, group, name } = answer;
  if (typeof key === "string") {
    return { tag: "object-key", val: key };
  }
  if (typeof group === "string" && typeof name === "string") {
    return { tag: "log-stream", val: { group, name } };
  }
  throw new TypeError(`route must give { group, name }, { key } or nothing, not ${JSON.stringify(answer)}`);
}

/** The one configured instance of a component. */
function instance(Component, host) {
  connect(host);
  let component;
  const configure = (config) => {
    component = said(() => new Component(JSON.parse(config)));
  };
  const call = (run) => {
    if (component === undefined) {
      throw "called before `configure`";
    }
    return said(() => run(component));
  };
  return { lifecycle: { configure }, call };
}

/** What the author's code throws becomes the component's error, with the place: not a trap, whose words are lost. */
function said(run) {
  try {
    return run();
  } catch (error) {
    const place = /[^\s/@(]+:\d+(?=:\d+)/.exec(error?.stack?.replace(String(error), "") ?? "");
    // Thrown as it is, a string is the error of the WIT's result.
    throw place ? `${error} (${place[0]})` : String(error);
  }
}
