/** Which colleagues look at a conversation, told and asked in one call while it is open. */
import { useEffect, useState } from "react";
import { answered, api } from "./client";
import type { Colleague } from "./types";

/** How often one says that one is there, in milliseconds; the server forgets after 15 seconds. */
const AGAIN = 5_000;

type Doing = "looking" | "writing" | "left";

const say = (page: string, person: string, doing: Doing) =>
  answered(
    api.PUT("/baton/v1/pages/{page}/conversations/{person}/presence", {
      params: { path: { page, person } },
      body: { doing },
    }),
  );

/** Who else is there. A page in the background is not looked at. */
export function usePresence(page: string, person: string, writing: boolean): Colleague[] {
  const [others, setOthers] = useState<Colleague[]>([]);
  useEffect(() => {
    let gone = false;
    const tell = () => {
      if (document.visibilityState !== "visible") return;
      say(page, person, writing ? "writing" : "looking")
        .then(({ data }) => !gone && setOthers(data))
        // Who is there decides nothing: it is asked again soon.
        .catch(() => !gone && setOthers([]));
    };
    tell();
    const timer = setInterval(tell, AGAIN);
    document.addEventListener("visibilitychange", tell);
    return () => {
      gone = true;
      clearInterval(timer);
      document.removeEventListener("visibilitychange", tell);
    };
  }, [page, person, writing]);
  useEffect(
    () => () => {
      void say(page, person, "left").catch(() => {});
    },
    [page, person],
  );
  return others;
}
