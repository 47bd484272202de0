//! Every case of `cases`, on every backend.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on fails"
)]
#![expect(unreachable_pub, reason = "the cases are a library, listed below")]

mod cases;

use store::{Options, Store};

/// A store, and what must outlive it.
struct Fresh {
    store: Store,
    _kept: Option<tempfile::TempDir>,
}

fn sqlite() -> Fresh {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::sqlite(&dir.path().join("usher.db"), options()).unwrap();
    Fresh {
        store,
        _kept: Some(dir),
    }
}

fn memory() -> Fresh {
    Fresh {
        store: Store::in_memory(options()).unwrap(),
        _kept: None,
    }
}

fn options() -> Options {
    Options {
        attempts_per_organization: cases::ATTEMPTS_PER_ORGANIZATION,
        ..Options::default()
    }
}

macro_rules! run_on {
    ($backend:ident, $($area:ident { $($case:ident)* })*) => {
        mod $backend { $(mod $area { $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn $case() {
                let fresh = crate::$backend();
                crate::cases::$area::$case(&fresh.store).await;
            }
        )* })* }
    };
}

macro_rules! every_case_on {
    ($($backend:ident)*) => {$(
        run_on! { $backend,
            access {
                the_first_operator_is_added_once
                a_key_is_found_by_its_digest_alone
                keys_are_listed_and_removed_within_their_role
            }
            conversations {
                a_new_conversation_has_nothing_in_it
                an_id_is_taken_once
                a_commit_is_what_the_next_turn_finds
                what_is_said_is_numbered_without_gaps
                a_commit_over_another_revision_changes_nothing
                of_many_turns_on_one_revision_exactly_one_is_committed
                a_commit_that_fails_in_part_changes_nothing
                a_session_that_ended_does_not_run
                a_timer_stays_until_it_is_changed
                an_effect_is_answered_once
                a_conversation_of_another_organization_is_not_there
                the_same_id_in_two_organizations_is_two_conversations
                the_newest_conversation_of_a_browser_is_found
                a_browser_is_replaced_only_by_who_has_it
                what_runs_is_kept_for_the_monitor_in_the_same_commit
            }
            grants {
                a_grant_has_what_the_attempt_was_for
                of_many_refreshes_exactly_one_is_kept
                a_removed_grant_is_gone
                the_grants_of_a_browser_are_found_in_all_its_conversations
                a_turn_removes_grants_of_its_conversation_only
                a_turn_sees_the_grants_of_its_session_only
                a_grant_of_another_organization_is_not_there
            }
            keys {
                keys_are_kept_in_order_and_each_once
                forgotten_keys_are_gone_for_one_organization
            }
            maintenance {
                finished_attempts_are_swept_and_unfinished_ones_stay
                tokens_that_wait_for_revocation_are_not_swept
                a_sweep_is_bounded
                a_sound_store_passes_its_check
            }
            monitor {
                conversations_are_listed_from_the_newest
                steps_of_another_organization_are_not_there
            }
            outbox {
                what_is_due_is_taken_and_comes_back_after_its_lease
                of_many_takers_exactly_one_gets_an_effect
                a_start_is_recorded_once
                an_effect_put_off_waits_and_may_start_again
                an_effect_that_is_done_is_gone
                an_effect_of_another_organization_is_not_touched
            }
            sign_ins {
                an_attempt_is_found_by_its_link_whatever_its_organization
                a_link_is_offered_once
                of_many_browsers_exactly_one_claims
                the_browser_that_claimed_may_set_out_again
                a_claim_after_the_deadline_is_refused
                a_claim_leaves_the_deadline
                an_attempt_is_found_by_state_at_its_own_connection_only
                of_fifty_callbacks_exactly_one_consumes
                a_callback_after_the_deadline_is_refused
                an_attempt_that_ended_accepts_nothing
                states_follow_each_other_in_one_order_only
                what_is_in_quarantine_is_no_grant
                a_release_after_the_deadline_is_refused
                a_release_for_a_session_that_is_over_is_refused
                an_attempt_is_released_once
                of_release_and_failure_exactly_one_happens
                fifty_tries_at_once_count_five
                a_try_before_the_callback_or_after_the_deadline_is_refused
                an_attempt_fails_only_from_the_states_named
                tokens_of_a_failed_attempt_wait_for_revocation
                a_sixth_attempt_replaces_the_oldest_of_its_conversation
                a_full_organization_is_busy_and_others_are_not
                exchanges_that_a_crash_cut_off_are_found
                overdue_attempts_are_found_in_order
                an_attempt_of_another_organization_is_not_touched
            }
            timers {
                timers_are_due_in_order
                a_timer_that_is_cleared_is_never_due
            }
            versions {
                a_published_version_is_active_and_the_old_one_stays
                a_version_is_published_whole_or_not
                branches_and_organizations_stay_apart
                a_secret_belongs_to_its_version_connection_and_organization
            }
        }
    )*};
}

every_case_on! { sqlite memory }
