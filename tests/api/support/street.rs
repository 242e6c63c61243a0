//! A street with its people, ready to plan, budget and spend.

use serde_json::{Value, json};

use super::{Answer, TestApp};

/// A street, its district's and its own people by role (tokens), a category and a plan item.
#[derive(Clone)]
pub struct Street {
    pub district: String,
    pub id: String,
    pub community: String,
    pub first: String,
    pub second: String,
    pub party_office: String,
    pub leader: String,
    pub accountant: String,
    pub cashier: String,
    pub staff: String,
    pub category: String,
    pub plan_item: String,
}

impl Street {
    /// Opens a district of this name with one street and a community, and its people; names are prefixed so that several fit into one database.
    pub async fn open(app: &TestApp, district_name: &str, prefix: &str) -> Self {
        let first = app.administrator(district_name, &format!("{prefix}first")).await;
        let second = app.administrator(district_name, &format!("{prefix}second")).await;
        let district = app.get(&first, "/org-units?level=district").await.body["data"][0]["id"].as_str().unwrap().to_owned();
        let mut street = Self::with_people(app, (first, second, district), "韩家墩街", prefix).await;
        street.category = street.new_category(app, "C02", "遗属补助", false).await;
        street.plan(app).await;
        street
    }

    /// Another street of the same district, with its own people; categories are the district's.
    pub async fn beside(app: &TestApp, sister: &Self, prefix: &str) -> Self {
        Self::named_beside(app, sister, "长丰街", prefix).await
    }

    /// As `beside`, of this name.
    pub async fn named_beside(app: &TestApp, sister: &Self, name: &str, prefix: &str) -> Self {
        let mut street = Self::with_people(app, (sister.first.clone(), sister.second.clone(), sister.district.clone()), name, prefix).await;
        street.category.clone_from(&sister.category);
        street.plan(app).await;
        street
    }

    async fn with_people(app: &TestApp, (first, second, district): (String, String, String), name: &str, prefix: &str) -> Self {
        let id = app.post(&first, "/org-units", json!({"parent_id": district, "name": name})).await.id();
        let community = app.post(&first, "/org-units", json!({"parent_id": id, "name": "古四社区"})).await.id();
        let mut street = Self {
            district,
            id,
            community,
            first,
            second,
            party_office: String::new(),
            leader: String::new(),
            accountant: String::new(),
            cashier: String::new(),
            staff: String::new(),
            category: String::new(),
            plan_item: String::new(),
        };
        street.party_office = street.person(app, &format!("{prefix}office"), "party_office").await;
        street.leader = street.person(app, &format!("{prefix}leader"), "street_leader").await;
        street.accountant = street.person(app, &format!("{prefix}accountant"), "accountant").await;
        street.cashier = street.person(app, &format!("{prefix}cashier"), "cashier").await;
        street.staff = street.person(app, &format!("{prefix}staff"), "community_staff").await;
        street
    }

    /// Its first plan item.
    async fn plan(&mut self, app: &TestApp) {
        let item = json!({"fiscal_year": 2017, "title": "关心关爱", "objective": "按时足额发放", "targets": [{"name": "发放次数", "comparison": "at_least", "value": "4", "unit": "次"}]});
        self.plan_item = ok(app.post(&self.party_office, "/plan-items", item).await, 201)["id"].as_str().unwrap().to_owned();
    }

    /// A person of the street with a role, confirmed where it is a money role; gives a token.
    pub async fn person(&self, app: &TestApp, username: &str, role: &str) -> String {
        let unit = if role.starts_with("community") { &self.community } else { &self.id };
        let (user, token) = app.user(&self.first, username, unit).await;
        let granted = app.post(&self.first, "/role-assignments", json!({"user_id": user, "role": role, "unit_id": unit})).await;
        assert_eq!(granted.status, 201, "{}", granted.text);
        if granted.body["state"] == json!("unconfirmed") {
            ok(app.act(&self.second, &format!("/role-assignments/{}/confirm", granted.id()), "\"v1\"").await, 200);
        }
        token
    }

    pub async fn new_category(&self, app: &TestApp, code: &str, name: &str, earmarked: bool) -> String {
        let body = json!({"code": code, "name": name, "earmarked": earmarked, "pays_individuals": true, "carry_over": "returns"});
        ok(app.post(&self.first, "/categories", body).await, 201)["id"].as_str().unwrap().to_owned()
    }

    /// Opens the year, and drafts, submits and approves a budget of these lines; gives the budget.
    pub async fn budget(&self, app: &TestApp, total: &str, lines: Value) -> Value {
        ok(app.post(&self.accountant, "/fiscal-years", json!({"year": 2017})).await, 201);
        self.budget_of_open_year(app, total, lines).await
    }

    /// As [`Street::budget`], where the year has been opened.
    pub async fn budget_of_open_year(&self, app: &TestApp, total: &str, lines: Value) -> Value {
        let drafted = ok(app.post(&self.party_office, "/budgets", json!({"fiscal_year": 2017, "programme": "党建", "total": total, "lines": lines})).await, 201);
        let path = format!("/budgets/{}", drafted["id"].as_str().unwrap());
        ok(app.act(&self.party_office, &format!("{path}/submit"), "\"v1\"").await, 200);
        ok(app.act(&self.first, &format!("{path}/approve"), "\"v2\"").await, 200)
    }

    /// Records a receipt for the category.
    pub async fn receive(&self, app: &TestApp, amount: &str, document: &str) -> Answer {
        let body = json!({"date": "2017-01-03", "document_number": document, "amount": amount, "lines": [{"category_id": self.category, "amount": amount}]});
        app.money(&self.accountant, "/receipts", body, document).await
    }
}

/// The body of an answer that must have this status.
pub fn ok(answer: Answer, status: u16) -> Value {
    assert_eq!(answer.status.as_u16(), status, "{}", answer.text);
    answer.body
}
