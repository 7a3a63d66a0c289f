/** The icon of each kind of mark. */
import {
  IconAdjustmentsHorizontal,
  IconArrowBarToRight,
  IconArrowRight,
  IconDoorExit,
  IconHandGrab,
  IconHandStop,
  IconHourglass,
  IconLink,
  IconMenu2,
  IconMessage,
  IconPlayerPlay,
  IconPointer,
  IconSpeakerphone,
  IconX,
} from "@tabler/icons-react";
import type { MarkKind } from "../../model/timeline";

const ICONS: Record<MarkKind, typeof IconX> = {
  ad: IconSpeakerphone,
  link: IconLink,
  get_started: IconPlayerPlay,
  message: IconMessage,
  postback: IconPointer,
  menu: IconMenu2,
  pass: IconArrowRight,
  take: IconHandGrab,
  release: IconDoorExit,
  expiry: IconHourglass,
  extend: IconArrowBarToRight,
  request: IconHandStop,
  refusal: IconX,
  settings: IconAdjustmentsHorizontal,
};

export function MarkIcon({ kind, size }: { kind: MarkKind; size: number }) {
  const Icon = ICONS[kind];
  return <Icon size={size} stroke={2.2} aria-hidden="true" />;
}

/** How a mark is drawn: filled where control was given, an outline where it ended or nothing changed. */
export const FORM: Record<MarkKind, "filled" | "outline" | "dashed" | "danger"> = {
  ad: "filled",
  link: "filled",
  get_started: "filled",
  message: "filled",
  postback: "filled",
  menu: "filled",
  pass: "filled",
  take: "filled",
  release: "outline",
  expiry: "outline",
  extend: "outline",
  request: "dashed",
  refusal: "danger",
  settings: "outline",
};
