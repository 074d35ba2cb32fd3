import { expect, it } from "vitest";
import { advance, begin, bounded, redo, STEPS, undo } from "./history";

it("a change is taken back and done again", () => {
  const two = advance(advance(begin("a"), "b"), "c");
  expect(undo(two).now).toBe("b");
  expect(undo(undo(undo(two))).now).toBe("a");
  expect(redo(undo(two)).now).toBe("c");
  expect(redo(two)).toBe(two);
});

it("a change after an undo leaves what was undone behind", () => {
  const other = advance(undo(advance(begin("a"), "b")), "c");
  expect(other.future).toEqual([]);
  expect(undo(other).now).toBe("a");
});

it("a slider that is dragged is one step, and two drags are two", () => {
  const dragged = advance(advance(advance(begin(0), 1, "opacity"), 2, "opacity"), 3, "name");
  expect(undo(dragged).now).toBe(2);
  expect(undo(undo(dragged)).now).toBe(0);
});

it("the same state is no step", () => {
  const held = begin("a");
  expect(advance(held, "a")).toBe(held);
});

it("only so many steps are kept", () => {
  let held = begin(0);
  for (let step = 1; step <= 300; step += 1) held = advance(held, step);
  expect(held.past.length).toBe(STEPS);
  expect(held.past.at(-1)).toBe(299);
});

it("the oldest steps go where the tiles that they hold become too many", () => {
  const [a, b, c, d] = [{}, {}, {}, {}];
  const held = advance(advance(advance(begin([a]), [a, b]), [a, c]), [a, d]);
  expect(bounded(held, (state) => state, 4)).toBe(held);
  expect(bounded(held, (state) => state, 3).past).toEqual([[a, c]]);
  expect(bounded(held, (state) => state, 1).past).toEqual([]);
});
