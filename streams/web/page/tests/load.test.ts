import { describe, expect, test } from "vitest";
import { Problem } from "../src/api/client";
import { Loadable } from "../src/load";

/** A question that is answered when the test says so. */
function question<Value>() {
  let answer: (value: Value) => void = () => {};
  let fail: (error: unknown) => void = () => {};
  const promise = new Promise<Value>((resolve, reject) => {
    answer = resolve;
    fail = reject;
  });
  return { ask: () => promise, answer, fail };
}

const withB = (known: string[]) => (known.includes("b") ? known : [...known, "b"]);

describe("what is told while an answer is under way", () => {
  test("is not lost when nothing was known before", async () => {
    const list = new Loadable<string[]>();
    const first = question<string[]>();
    const loaded = list.load(first.ask);
    expect(list.tell(withB)).toBe(true);
    first.answer(["a"]);
    await loaded;
    expect(list.value).toEqual(["a", "b"]);
  });

  test("is not undone by an answer that is older", async () => {
    const list = new Loadable<string[]>();
    await list.load(async () => ["a"]);
    const second = question<string[]>();
    const loaded = list.load(second.ask);
    list.tell(withB);
    expect(list.value).toEqual(["a", "b"]);
    second.answer(["a"]);
    await loaded;
    expect(list.value).toEqual(["a", "b"]);
  });

  test("is made once where the answer has it already", async () => {
    const list = new Loadable<string[]>();
    const first = question<string[]>();
    const loaded = list.load(first.ask);
    list.tell(withB);
    first.answer(["a", "b"]);
    await loaded;
    expect(list.value).toEqual(["a", "b"]);
  });

  test("is forgotten with a question that is given up", async () => {
    const list = new Loadable<string[]>();
    const given = question<string[]>();
    const loading = list.load(given.ask);
    list.tell(withB);
    await list.load(async () => ["of another wall"]);
    given.answer(["a"]);
    await loading;
    expect(list.value).toEqual(["of another wall"]);
  });
});

test("what is told where nothing was asked, or nothing is there, has to be asked for", async () => {
  const list = new Loadable<string[]>();
  expect(list.tell(withB)).toBe(false);
  await list.load(() => Promise.reject(new Problem(404, "no such wall")));
  expect(list.tell(withB)).toBe(false);
  expect(list.value).toBeNull();
});

test("what is known to be gone is not brought back by an answer of before", async () => {
  const list = new Loadable<string[]>();
  const first = question<string[]>();
  const loaded = list.load(first.ask);
  list.lose(new Problem(404, "there is none"));
  first.answer(["a"]);
  await loaded;
  expect(list.state.value.value).toBeNull();
  expect(list.state.value.problem?.detail).toBe("there is none");
});
