// @vitest-environment jsdom
import { act, render, screen } from "@testing-library/react";
import { beforeEach, expect, test, vi } from "vitest";
import type { Connected } from "@/api/types";
import { connected } from "@/testing/frames";
import { useApi } from "./useApi";

/** The stream, as far as the hook sees it: who is connected. */
const stream = vi.hoisted(() => ({
  who: null as Connected | null,
  tell: (): void => undefined,
}));
vi.mock("@/store/live", () => ({
  live: {
    subscribe: (changed: () => void) => {
      stream.tell = changed;
      return () => undefined;
    },
    view: () => ({ connected: stream.who }),
  },
}));

const meet = (boot: string) =>
  act(async () => {
    stream.who = connected({ boot });
    stream.tell();
  });

let answers: (string | Error)[] = [];
async function call(): Promise<string> {
  const answer = answers.shift();
  if (answer instanceof Error) throw answer;
  return answer ?? "nothing";
}
let again: () => void;

function Shown({ lasting = false }: { lasting?: boolean }) {
  const { status, data, error, reload } = useApi(call, [], { lasting });
  again = reload;
  return <p>{`${status} ${data} ${error?.message}`}</p>;
}
const shown = () => screen.getByText(/./).textContent;
const show = (lasting: boolean) => act(async () => render(<Shown lasting={lasting} />));

beforeEach(() => {
  stream.who = null;
});

test("asked once when the page opens, and again when the balancer is back", async () => {
  answers = ["one", "two"];
  await show(false);
  await meet("aaaa");
  expect(shown()).toBe("ready one undefined");
  await meet("bbbb");
  expect(shown()).toBe("ready two undefined");
});

test("what lasts is not asked for again", async () => {
  answers = ["one", "two"];
  await show(true);
  await meet("aaaa");
  await meet("bbbb");
  expect(shown()).toBe("ready one undefined");
});

test("an error is over when the balancer is back, also for what lasts", async () => {
  answers = [new Error("no answer"), "one"];
  await show(true);
  expect(shown()).toBe("error undefined no answer");
  await meet("aaaa");
  expect(shown()).toBe("ready one undefined");
});

test("an error stays until the next answer, as what was known does", async () => {
  answers = ["one", new Error("a fault")];
  await show(false);
  await act(async () => again());
  expect(shown()).toBe("error one a fault");
  let answer = (_: string): void => undefined;
  answers = [];
  await act(async () => {
    vi.spyOn(answers, "shift").mockImplementation(
      () => new Promise<string>((resolve) => (answer = resolve)) as never,
    );
    again();
  });
  expect(shown()).toBe("loading one a fault");
  await act(async () => answer("two"));
  expect(shown()).toBe("ready two undefined");
});
