import { describe, expect, it } from "vitest";
import { added, at, begun, find, length, mapped, NO_PAGES, SIZE, wanted, type Pages } from "./pages";

type Item = { id: number };

/** A server's list, read as the page reads it. */
function served(items: number[]) {
  return (begin: string | null) => {
    const from = begin === null ? 0 : items.findIndex((id) => id > Number(begin));
    const some = from < 0 ? [] : items.slice(from, from + SIZE);
    const more = from >= 0 && from + SIZE < items.length;
    return { items: some.map((id) => ({ id })), next: more ? String(some.at(-1)) : null };
  };
}

function numbers(count: number): number[] {
  return Array.from({ length: count }, (_, place) => place);
}

function opened(read: ReturnType<typeof served>, before?: Pages<Item>): Pages<Item> {
  const first = read(null);
  return begun(first.items, first.next, before);
}

/** Read whatever is wanted for a stretch, and say how often the server was asked. */
function looked(pages: Pages<Item>, read: ReturnType<typeof served>, first: number, last: number): [Pages<Item>, number] {
  let asked = 0;
  for (let next = wanted(pages, first, last); next; next = wanted(pages, first, last)) {
    const page = read(next.begin);
    pages = added(pages, next.page, next.begin, page.items, page.next);
    asked += 1;
    expect(asked).toBeLessThan(100);
  }
  return [pages, asked];
}

const held = (pages: Pages<Item>) => Object.values(pages.held).reduce((sum, { items }) => sum + items.length, 0);

describe("a list of ten thousand", () => {
  const read = served(numbers(10_000));

  it("asks for nothing but what is in sight, and for that once", () => {
    const first = opened(read);
    expect(wanted(first, 0, SIZE - 1)).toBeNull();
    const [second, asked] = looked(first, read, SIZE - 20, SIZE + 20);
    expect(asked).toBe(1);
    expect([at(second, SIZE - 1)?.id, at(second, SIZE)?.id, at(second, 2 * SIZE)]).toEqual([SIZE - 1, SIZE, undefined]);
  });

  it("is walked to its end with few of its pages held, and back by cursors that are known", () => {
    const [end, down] = looked(opened(read), read, 9_950, 9_999);
    expect(down).toBe(49);
    expect(at(end, 9_999)?.id).toBe(9_999);
    expect(held(end)).toBeLessThanOrEqual(7 * SIZE);
    expect(at(end, 5)?.id).toBe(5);
    const [middle, back] = looked(end, read, 5_000, 5_020);
    expect([back, at(middle, 5_010)?.id]).toEqual([1, 5_010]);
  });
});

describe("a list that changes elsewhere", () => {
  it("stays in sight until it is read anew, and only what is in sight is", () => {
    const [before] = looked(opened(served(numbers(1_000))), served(numbers(1_000)), 0, 999);
    const without = served(numbers(1_000).filter((id) => id !== 450));
    const after = opened(without, before);
    expect(at(after, 450)?.id).toBe(450);
    const [now, asked] = looked(after, without, 400, 500);
    expect([at(now, 449)?.id, at(now, 450)?.id, asked]).toEqual([449, 451, 1]);
    const [all] = looked(now, without, 0, 999);
    expect([at(all, 998)?.id, at(all, 999), length(all, 1_000)]).toEqual([999, undefined, 999]);
  });

  it("grows at its end and shrinks to nothing", () => {
    const [before] = looked(opened(served(numbers(SIZE))), served(numbers(SIZE)), 0, SIZE);
    expect(length(before, 0)).toBe(SIZE);
    const more = served(numbers(SIZE + 3));
    const [grown] = looked(opened(more, before), more, 0, SIZE + 2);
    expect([at(grown, SIZE + 2)?.id, length(grown, 0)]).toEqual([SIZE + 2, SIZE + 3]);
    const none = opened(served([]), grown);
    expect([held(none), length(none, 7)]).toEqual([0, 0]);
  });

  it("lets go of a page that was asked for by a cursor of before", () => {
    const first = begun(numbers(SIZE).map((id) => ({ id })), "199");
    expect(added(first, 1, "201", [{ id: 202 }], null)).toBe(first);
  });
});

it("an item is found and changed wherever it is held", () => {
  const pages = begun([{ id: 1 }, { id: 2 }], null);
  expect(find(mapped(pages, (one) => (one.id === 2 ? { id: 9 } : one)), ({ id }) => id === 9)).toEqual({ id: 9 });
  expect(find(NO_PAGES as Pages<Item>, () => true)).toBeUndefined();
});
