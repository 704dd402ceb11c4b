//! Who is who: tokens and sessions, by their hashes.

use jiff::SignedDuration;
use model::{
    api::Role,
    id::{TokenId, Uuid},
};
use store::StoreError;

use crate::{
    bed::contract,
    samples::{ann, now},
};

contract! {
    async fn a_token_is_found_by_its_hash_and_by_nothing_else(bed: &Bed) {
        let made = bed.store.create_token("ann", Role::Admin, "hash-a", now(), None).await.unwrap();
        let other = bed.store.create_token("bob", Role::Member, "hash-b", now(), Some(ann().id)).await.unwrap();
        assert_eq!(bed.store.tokens().await.unwrap(), [made.clone(), other], "as answered, oldest first");

        let identity = bed.store.identity_of_token("hash-a").await.unwrap().unwrap();
        assert_eq!((identity.token, identity.name.as_str(), identity.role), (made.id, "ann", Role::Admin));
        assert_eq!(identity.expires_at, None);
        for wrong in ["", "hash-c", "HASH-A", "hash-a ", "ann", "%"] {
            assert_eq!(bed.store.identity_of_token(wrong).await.unwrap(), None, "{wrong}");
            assert_eq!(bed.store.identity_of_session(wrong, now()).await.unwrap(), None, "{wrong}");
        }
        let event = bed.store.newest_events(1).await.unwrap().remove(0);
        assert_eq!((event.kind.as_str(), event.principal), ("token.created", Some(ann().id)));
        let text = serde_json::to_string(&event).unwrap();
        assert!(!text.contains("hash-b"), "an event tells no hash: {text}");
    }

    async fn a_revoked_token_and_its_sessions_end_at_once(bed: &Bed) {
        let made = bed.store.create_token("ann", Role::Member, "hash-a", now(), None).await.unwrap();
        bed.store.create_token("bob", Role::Admin, "hash-b", now(), None).await.unwrap();
        let ann_ = bed.store.identity_of_token("hash-a").await.unwrap().unwrap();
        let bob = bed.store.identity_of_token("hash-b").await.unwrap().unwrap();
        let until = now() + SignedDuration::from_hours(12);
        bed.store.create_session("session-a", &ann_, now(), until).await.unwrap();
        bed.store.create_session("session-b", &bob, now(), until).await.unwrap();
        let session = bed.store.identity_of_session("session-a", now()).await.unwrap().unwrap();
        assert_eq!((session.principal, session.token, session.role), (ann_.principal, made.id, Role::Member));

        bed.store.revoke_token(made.id, now(), bob.principal).await.unwrap();
        assert_eq!(bed.store.identity_of_token("hash-a").await.unwrap(), None);
        assert_eq!(bed.store.identity_of_session("session-a", now()).await.unwrap(), None);
        assert!(bed.store.identity_of_session("session-b", now()).await.unwrap().is_some(), "others stay");
        assert_eq!(bed.number("SELECT count(*) FROM sessions").await, 1);

        let revoked = bed.store.tokens().await.unwrap().remove(0).revoked_at;
        bed.store.revoke_token(made.id, now() + SignedDuration::from_secs(5), bob.principal).await.unwrap();
        assert_eq!(bed.store.tokens().await.unwrap()[0].revoked_at, revoked, "once");
        let nobody = bed.store.revoke_token(TokenId(Uuid::now_v7()), now(), bob.principal).await.unwrap_err();
        assert!(matches!(nobody, StoreError::NotFound("token")));

        // A sign-in that lost against the revocation gives nothing.
        bed.store.create_session("session-late", &ann_, now(), until).await.unwrap();
        assert_eq!(bed.store.identity_of_session("session-late", now()).await.unwrap(), None);
    }

    async fn a_name_is_taken_while_its_token_is_in_force(bed: &Bed) {
        let first = bed.store.create_token("ann", Role::Member, "1", now(), None).await.unwrap();
        let error = bed.store.create_token("ann", Role::Admin, "2", now(), None).await.unwrap_err();
        assert!(matches!(&error, StoreError::NameTaken(name) if name == "ann"), "{error}");
        assert_eq!(bed.store.identity_of_token("2").await.unwrap(), None);

        let before = bed.store.identity_of_token("1").await.unwrap().unwrap();
        bed.store.revoke_token(first.id, now(), ann().id).await.unwrap();
        bed.store.create_token("ann", Role::Admin, "2", now(), None).await.unwrap();
        let after = bed.store.identity_of_token("2").await.unwrap().unwrap();
        assert_ne!(before.principal, after.principal, "another principal, with no right of the one before");
        assert_eq!(bed.store.tokens().await.unwrap().len(), 2);
    }

    async fn a_session_ends_at_its_expiry_not_after_it(bed: &Bed) {
        bed.store.create_token("ann", Role::Member, "1", now(), None).await.unwrap();
        let identity = bed.store.identity_of_token("1").await.unwrap().unwrap();
        let until = "2030-01-01T00:00:00.5Z".parse().unwrap();
        bed.store.create_session("s", &identity, now(), until).await.unwrap();
        let at = |at: &str| at.parse().unwrap();
        let alive = bed.store.identity_of_session("s", at("2030-01-01T00:00:00.499999Z")).await.unwrap();
        assert_eq!(alive.unwrap().expires_at, Some(until));
        assert_eq!(bed.store.identity_of_session("s", until).await.unwrap(), None);
        assert_eq!(bed.store.identity_of_session("s", at("2030-01-01T00:00:01Z")).await.unwrap(), None);
    }

    async fn a_session_that_is_ended_stays_so(bed: &Bed) {
        bed.store.create_token("ann", Role::Member, "1", now(), None).await.unwrap();
        let identity = bed.store.identity_of_token("1").await.unwrap().unwrap();
        let until = now() + SignedDuration::from_hours(1);
        bed.store.create_session("s", &identity, now(), until).await.unwrap();
        bed.store.end_session("s", now(), identity.principal).await.unwrap();
        assert_eq!(bed.store.identity_of_session("s", now()).await.unwrap(), None);
        assert!(bed.store.identity_of_token("1").await.unwrap().is_some(), "its token goes on");
        let events = bed.number("SELECT count(*) FROM events WHERE type = 'session.ended'").await;
        bed.store.end_session("s", now(), identity.principal).await.unwrap();
        bed.store.end_session("never", now(), identity.principal).await.unwrap();
        assert_eq!(bed.number("SELECT count(*) FROM events WHERE type = 'session.ended'").await, events);
    }
}
