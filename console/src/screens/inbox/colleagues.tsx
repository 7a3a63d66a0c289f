/** Who else has this conversation open, so that two do not answer the same person. */
import { IconEye, IconPencil } from "@tabler/icons-react";
import { usePresence } from "../../api/presence";
import type { OneConversation } from "../../api/types";
import { there } from "../../model/people";
import css from "./inbox.module.css";

export function Colleagues({ one, writing }: { one: OneConversation; writing: boolean }) {
  const others = usePresence(one.page, one.person.id, writing);
  const words = there(others);
  const busy = others.some((other) => other.doing === "writing");
  return (
    <p className={css.colleagues} role="status" data-writing={busy || undefined}>
      {words && (
        <>
          {busy ? <IconPencil size={15} aria-hidden="true" /> : <IconEye size={15} aria-hidden="true" />}
          <bdi>{words}</bdi>
        </>
      )}
    </p>
  );
}
