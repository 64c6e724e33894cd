// What the tests share: chances that are the same in every run, and bytes as text.

/** Numbers that look like chance (a linear congruence, as in Numerical Recipes). */
export function chances(seed) {
  let state = seed;
  const below = (limit) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * limit);
  };
  return { below, pick: (list) => list[below(list.length)] };
}

export const string = (bytes) => Buffer.from(bytes).toString();
