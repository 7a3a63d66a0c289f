/** The console's names for what Baton's own API takes and answers. Shapes are not written here: see `schema.d.ts`. */
import type { components } from "./schema";

type Schemas = components["schemas"];

export type Instant = Schemas["Moment"];
export type Surface = Schemas["Surface"];
export type Folder = Schemas["Folder"];

/** A part of a list, and where the next begins. */
export interface List<T> {
  data: T[];
  next: string | null;
}

/** What went wrong. A proxy in between may answer in Baton's place: then the type is none of Baton's. */
export type ProblemDocument = Omit<Schemas["Problem"], "type"> & { type: string };

/** One thing that is wrong in what was sent, and where. */
export type Mistake = Schemas["Mistake"];

export type AppTable = Schemas["App"];
export type PageTable = Schemas["Page"];
export type SurfaceTable = Schemas["Side"];
export type ConnectionTable = Schemas["Connection"];
export type LinkTable = Schemas["Link"];
export type AdTable = Schemas["Ad"];
export type Routing = Schemas["RoutingWithWarnings"];
export type RoutingWarning = Schemas["Warning"];
/** What a change of settings changes. */
export type Moved = Schemas["RoutingChanges"];

/** Apps and pages, as everybody who is signed in may know them. */
export type Names = Schemas["Directory"];
export type NamedPage = Schemas["NamedPage"];

export type Me = Schemas["SignedIn"];
export type SignIn = Schemas["SignIn"];
export type LinkMeaning = Schemas["LinkMeaning"];
export type Role = Schemas["Role"];
export type Member = Schemas["Member"];
/** A member, and the link by which they sign in: it is told this once. */
export type Invited = Schemas["Invited"];
export type Session = Schemas["Session"];
export type AuditLine = Schemas["AuditLine"];

export type PersonCard = Schemas["ConversationPerson"];
export type PersonEvent = Schemas["Event"];
export type PersonMenu = Schemas["PersonMenu"];
export type Conversation = Schemas["Conversation"];
export type OneConversation = Schemas["ConversationInFull"];
export type Waiting = Schemas["ControlRequest"];
export type Line = Schemas["LastLine"];
export type Counts = Schemas["ConversationCounts"];
export type Statistics = Schemas["Statistics"];
export type HistoryEntry = Schemas["HistoryEntry"];
export type Message = Schemas["Message"];

export type Cause = Schemas["Cause"];
export type Refused = Schemas["Codes"];
export type Notice = Schemas["Notice"];
export type Decided = Schemas["Decision"];
export type InboxAct = Schemas["InboxAct"];
export type Colleague = Schemas["Colleague"];
export type DryRun = Schemas["DryRun"];
export type Rule = Schemas["Rule"];

export type Clock = Schemas["Clock"];
export type ClockTurn = Schemas["ClockTurn"];

export type Node = Schemas["Node"];
/** The nodes that use the database, and the streams that none of them delivers. */
export type Nodes = Schemas["Nodes"];

/** How an app does. */
export type Health = Schemas["AppHealth"];
export type Delivery = Schemas["Delivery"];
export type DeliveryState = Schemas["DeliveryState"];
export type OneDelivery = Schemas["WholeDelivery"];
export type Attempt = Schemas["DeliveryAttempt"];
export type Resend = Schemas["Resend"];
export type Probe = Schemas["Probe"];
export type Probed = Schemas["Probed"];
export type Examination = Schemas["Examination"];
export type ReceiverCheck = Schemas["ReceiverCheck"];

/** How the delivery to an app stands, when that has changed. */
export type AppDelivery = Schemas["AppDelivery"];
export type Activity = Schemas["Happening"];
/** What a listener is told: what happened, or that some of it was missed. */
export type Told = Schemas["StreamedData"];
