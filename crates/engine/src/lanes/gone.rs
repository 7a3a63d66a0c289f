//! Rows that are deleted for their age while they wait in memory: they are not sent any more, whatever was said of them.

use baton_store::{Chain, Position, Stream};

use super::Lanes;

impl Lanes {
    /// Rows of a stream up to here are deleted. What is under way of them ends as it does, and is not tried again.
    pub(crate) fn forget(&mut self, stream: Stream, up_to: Position) {
        let Some(at) = self.lane(stream) else { return };
        self.lanes[at].gone = self.lanes[at].gone.max(up_to);
        let of_stream: Vec<Chain> =
            self.talks.iter().filter(|(_, talk)| talk.stream == at).map(|(chain, _)| chain.clone()).collect();
        of_stream.iter().for_each(|chain| _ = self.drop_gone(chain));
        let talks = &self.talks;
        self.ready.retain(|chain| talks.contains_key(chain));
        self.waiting.retain(|(_, chain)| talks.contains_key(chain));
    }

    /// Leaves out of a talk what is deleted by now, and says whether it is there. A talk of which nothing is left ends.
    pub(super) fn drop_gone(&mut self, chain: &Chain) -> bool {
        let Some(talk) = self.talks.get_mut(chain) else { return false };
        if talk.busy {
            return true;
        }
        let lane = &mut self.lanes[talk.stream];
        let mut dropped = false;
        while talk.queue.front().is_some_and(|row| row.position <= lane.gone)
            && let Some(row) = talk.queue.pop_front()
        {
            let bytes = row.weight() as u64;
            match &mut talk.parked {
                Some(walk) => {
                    walk.done = row.position;
                    self.walking.remove(bytes);
                }
                None if lane.open.remove(&row.position).is_some() => lane.held.remove(bytes),
                None => {}
            }
            dropped = true;
        }
        if !dropped {
            return true;
        }
        talk.recovered();
        let (at, is_over) = (talk.stream, talk.queue.is_empty() && talk.parked.is_none());
        if is_over {
            self.talks.remove(chain);
        }
        self.advance(at);
        !is_over
    }
}
